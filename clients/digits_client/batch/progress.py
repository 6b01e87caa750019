"""How far a run is: a bar on a terminal, lines of JSON for pipelines, or nothing."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from tqdm import tqdm

from digits_client.sources import Item

from .counters import Tally

JSON_SECONDS: Final = 1.0


class Progress(Protocol):
    """Shows how far a run is."""

    def show(self, tally: Tally) -> None:
        """Take note of what has been done by now."""

    def close(self, tally: Tally) -> None:
        """Show the end."""


class Total:
    """The number of items, counted beside the run; unknown until they have been."""

    def __init__(self, items: Callable[[], Iterable[Item] | None]) -> None:
        """Begin to count.

        Args:
            items: Lists them anew, in a thread; gives None where they cannot be counted.
        """
        self.count: int | None = None
        self._items = items
        threading.Thread(target=self._count, daemon=True, name="count").start()

    def _count(self) -> None:
        items = self._items()
        if items is not None:
            self.count = sum(1 for _ in items)


def progress(*, as_json: bool, total: Callable[[], Total]) -> Progress:
    """Return what suits standard error.

    Args:
        as_json: Whether lines of JSON were asked for.
        total: Begins to count the items, where anybody looks.
    """
    if as_json:
        return _JsonLines(total())
    return _Bar(total()) if sys.stderr.isatty() else _Silence()


class _Silence:
    def show(self, tally: Tally) -> None:
        pass

    def close(self, tally: Tally) -> None:
        pass


class _Bar:
    def __init__(self, total: Total) -> None:
        self._total = total
        self._bar: tqdm[Any] = tqdm(unit=" images", unit_scale=False, leave=False)

    def show(self, tally: Tally) -> None:
        self._bar.total = self._total.count
        if tally.failed_count:
            self._bar.set_postfix_str(f"{tally.failed_count:,} failed", refresh=False)
        self._bar.update(tally.count - self._bar.n)

    def close(self, tally: Tally) -> None:
        self._bar.close()


class _JsonLines:
    def __init__(self, total: Total) -> None:
        self._total = total
        self._next = 0.0

    def show(self, tally: Tally) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + JSON_SECONDS
            self._write(tally)

    def close(self, tally: Tally) -> None:
        self._write(tally)

    def _write(self, tally: Tally) -> None:
        total, rate = self._total.count, tally.images_per_second
        left = None if total is None or not rate else max(total - tally.count, 0) / rate
        values = {
            "images": tally.count,
            "failed": tally.failed_count,
            "total": total,
            "images_per_second": round(rate, 1),
            "seconds": round(tally.seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        print(json.dumps(values), file=sys.stderr, flush=True)  # noqa: T201 - a command prints
