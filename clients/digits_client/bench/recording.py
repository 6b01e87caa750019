"""What is counted of a load, repeat by repeat, in one process or in all of them."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from .histogram import Histogram

ANSWERED: Final = "OK"
REFUSED: Final = "RESOURCE_EXHAUSTED"
SUPERSEDED: Final = "SUPERSEDED"
"""No status of gRPC's: a newer drawing of the same stream had come."""
NO_FAILURES: Final = frozenset({ANSWERED, REFUSED, SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    status: str
    images: Mapping[str, int]
    """Its images by their status; a call without images counts as one."""
    said: Mapping[str, str] = field(default_factory=dict)
    """What the server said with a status, where it did."""


@dataclass
class Recording:
    """A repeat.

    Rates are of what ended within it. Latencies and statuses are of what was due within it,
    however late it ended: else those that take longest would be left out.
    """

    seconds: float
    due: int = 0
    """Calls."""
    never_begun: int = 0
    """Calls that were due, but for which the generator had no time before it ended."""
    calls: Counter[str] = field(default_factory=Counter)
    """By status."""
    images: Counter[str] = field(default_factory=Counter)
    """By status."""
    said: dict[str, str] = field(default_factory=dict)
    """What the server said first with a status."""
    latency: Histogram = field(default_factory=Histogram)
    """Of answered calls, from when they were due."""
    lag: Histogram = field(default_factory=Histogram)
    """From when calls were due to when they were begun."""
    ended_calls: int = 0
    answered_calls: int = 0
    answered_images: int = 0
    processor_seconds: float = 0.0
    """Of the generator."""

    @property
    def failed_share(self) -> float:
        """The share of images that failed other than by being refused."""
        total = self.images.total()
        failed = sum(count for status, count in self.images.items() if status not in NO_FAILURES)
        return failed / total if total else 0.0

    def add(self, other: Self) -> None:
        """Count what another has counted, but for its seconds."""
        self.due += other.due
        self.never_begun += other.never_begun
        self.calls.update(other.calls)
        self.images.update(other.images)
        self.said = {**other.said, **self.said}
        self.latency.merge(other.latency)
        self.lag.merge(other.lag)
        self.ended_calls += other.ended_calls
        self.answered_calls += other.answered_calls
        self.answered_images += other.answered_images
        self.processor_seconds += other.processor_seconds


def at_the_same_time(recordings: Sequence[Recording]) -> Recording:
    """Return the recording of a repeat, from those of each process."""
    return _added(recordings, max(recording.seconds for recording in recordings))


def one_after_another(recordings: Sequence[Recording]) -> Recording:
    """Return the recording of several repeats."""
    return _added(recordings, sum(recording.seconds for recording in recordings))


def _added(recordings: Sequence[Recording], seconds: float) -> Recording:
    added = Recording(seconds)
    for recording in recordings:
        added.add(recording)
    return added


class Meter:
    """Counts calls into the repeats that they belong to. Belongs to one event loop."""

    def __init__(self, begins: float, seconds: float, repeats: int) -> None:
        """Begin; what is due or ends outside of the repeats is not counted.

        Args:
            begins: When the first repeat does, by the clock of the event loop.
            seconds: Of each.
            repeats: How many there are at most.
        """
        self.now = asyncio.get_running_loop().time
        self.recordings = [Recording(seconds) for _ in range(repeats)]
        self._begins = begins
        self._seconds = seconds
        self._ends = math.inf

    def end_of(self, repeat: int) -> float:
        """Return when a repeat ends."""
        return self._begins + (repeat + 1) * self._seconds

    def close(self, at: float) -> None:
        """End the repeat in which a moment is at that moment."""
        self._ends = at
        for repeat, recording in enumerate(self.recordings):
            left = at - self.end_of(repeat - 1)
            recording.seconds = min(max(left, 0.0), self._seconds)

    def began(self, due: float, late_by: float) -> None:
        """Count a call that is begun."""
        if recording := self._at(due):
            recording.due += 1
            recording.lag.add(late_by)

    def never_begun(self, due: float) -> None:
        """Count a call for which there was no time."""
        if recording := self._at(due):
            recording.due += 1
            recording.never_begun += 1

    def ended(self, due: float, outcome: Outcome) -> None:
        """Count a call that has just ended."""
        now = self.now()
        is_answered = outcome.status == ANSWERED
        if recording := self._at(due):
            recording.calls[outcome.status] += 1
            recording.images.update(outcome.images)
            for status, message in outcome.said.items():
                recording.said.setdefault(status, message)
            if is_answered:
                recording.latency.add(now - due)
        if now <= self._ends and (recording := self._at(now)):
            recording.ended_calls += 1
            recording.answered_calls += is_answered
            recording.answered_images += outcome.images.get(ANSWERED, 0)

    def _at(self, moment: float) -> Recording | None:
        repeat = math.floor((moment - self._begins) / self._seconds)
        return self.recordings[repeat] if 0 <= repeat < len(self.recordings) else None
