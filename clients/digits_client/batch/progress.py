"""Progress of a run on standard error: a bar, lines of JSON, or nothing."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from digits.standard_streams import tell
from digits_client.sources import Item

from .counters import Counters

JSON_SECONDS: Final = 1.0


class Progress(Protocol):
    """A display of how far a run is."""

    def update(self, counters: Counters) -> None:
        """Show the current counts."""

    def close(self, counters: Counters) -> None:
        """Show the final counts."""


class Total:
    """The number of items, counted in a thread while the run goes on."""

    def __init__(self, items: Callable[[], Iterable[Item] | None]) -> None:
        """Start counting.

        Args:
            items: Lists the items again, in the thread; returns None if they cannot be counted.
        """
        self.count: int | None = None
        """None until the items have been counted."""
        self._items = items
        threading.Thread(target=self._count, daemon=True, name="count").start()

    def _count(self) -> None:
        items = self._items()
        if items is not None:
            self.count = sum(1 for _ in items)


def open_progress(*, as_json: bool, total: Callable[[], Total]) -> Progress:
    """Return the display that suits standard error.

    Args:
        as_json: Whether to write lines of JSON.
        total: Starts counting the items; called only if the display shows it.
    """
    if as_json:
        return _JsonLines(total())
    return _Bar(total()) if sys.stderr.isatty() else _NoProgress()


class _NoProgress:
    def update(self, counters: Counters) -> None:
        pass

    def close(self, counters: Counters) -> None:
        pass


class _Bar:
    def __init__(self, total: Total) -> None:
        from tqdm import tqdm  # imported late: most runs of programs show no bar

        self._total = total
        self._bar = tqdm[None](unit=" images", unit_scale=False, leave=False)

    def update(self, counters: Counters) -> None:
        self._bar.total = self._total.count
        if counters.failed_count:
            self._bar.set_postfix_str(f"{counters.failed_count:,} failed", refresh=False)
        self._bar.update(counters.count + counters.skipped_count - self._bar.n)

    def close(self, counters: Counters) -> None:
        self._bar.close()


class _JsonLines:
    def __init__(self, total: Total) -> None:
        self._total = total
        self._next_at = 0.0

    def update(self, counters: Counters) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + JSON_SECONDS
            self._write(counters)

    def close(self, counters: Counters) -> None:
        self._write(counters)

    def _write(self, counters: Counters) -> None:
        total, rate = self._total.count, counters.images_per_second
        done_count = counters.count + counters.skipped_count
        left = None if total is None or not rate else max(total - done_count, 0) / rate
        values = {
            "images": counters.count,
            "failed": counters.failed_count,
            "skipped": counters.skipped_count,
            "total": total,
            "images_per_second": round(rate, 1),
            "seconds": round(counters.seconds, 1),
            "seconds_left": None if left is None else round(left, 1),
        }
        tell(json.dumps(values))
