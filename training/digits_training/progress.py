"""Log lines about the progress of a long work, and an estimate of the time left."""

import logging
import time
from collections.abc import Callable
from typing import Final

INTERVAL_SECONDS: Final = 15.0
"""Shortest time between two lines of the same work; they become rarer in a longer one."""


class Progress:
    """Logs how much of a work is done, and about how long the rest takes.

    The estimate assumes that the rest takes as long per share as what has been done since the
    object was made.
    """

    def __init__(
        self,
        logger: logging.Logger,
        title: str,
        *,
        start: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            logger: Logger of the lines.
            title: Name of the work, with which each line begins.
            start: Share that is done already, 0..1, such as in a run that is resumed.
            clock: Source of the time in seconds.
        """
        self._logger = logger
        self._title = title
        self._start = start
        self._clock = clock
        self._began_at = self._logged_at = clock()

    def update(self, share: float, detail: str = "") -> None:
        """Log a line, unless the last one is recent or nothing has been done yet.

        Args:
            share: Share of the work that is done, 0..1.
            detail: Description of what is being done.
        """
        now = self._clock()
        elapsed_seconds = now - self._began_at
        interval_seconds = max(INTERVAL_SECONDS, elapsed_seconds / 5)
        if share <= self._start or now - self._logged_at < interval_seconds:
            return
        self._logged_at = now
        left_seconds = elapsed_seconds / (share - self._start) * (1 - share)
        title = f"{self._title} ({detail})" if detail else self._title
        self._logger.info("%s: %.0f %%, about %s left", title, 100 * share, duration(left_seconds))


def duration(seconds: float) -> str:
    """Return a duration in words, such as "40 s", "9 min" or "1 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
