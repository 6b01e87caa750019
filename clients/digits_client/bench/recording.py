"""Counts of a load by repeat, in one process or merged from all of them."""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from .histogram import Histogram

OK: Final = "OK"
REJECTED: Final = "RESOURCE_EXHAUSTED"
SUPERSEDED: Final = "SUPERSEDED"
"""Status of a drawing that a newer one of its stream replaced; not a gRPC status."""
NOT_FAILURES: Final = frozenset({OK, REJECTED, SUPERSEDED})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    status: str
    images: Mapping[str, int]
    """Number of images by status; a call without images counts as one."""
    messages: Mapping[str, str] = field(default_factory=dict)
    """The server's error message for each status that has one."""


@dataclass
class Recording:
    """The counts of one repeat, or of several merged.

    Throughput counts the calls that ended within the repeat. Latencies and statuses are those of
    the calls that were due within it, however late they ended; otherwise the slowest calls would
    be missing.
    """

    seconds: float
    due: int = 0
    """Calls that were due."""
    never_started: int = 0
    """Calls that were due but that the generator did not start before the end."""
    calls: Counter[str] = field(default_factory=Counter)
    """Calls by status."""
    images: Counter[str] = field(default_factory=Counter)
    """Images by status."""
    messages: dict[str, str] = field(default_factory=dict)
    """The first error message of the server for each status."""
    latency: Histogram = field(default_factory=Histogram)
    """Time from when a call was due to its end, of successful calls."""
    lag: Histogram = field(default_factory=Histogram)
    """Time from when a call was due to when it started."""
    ended_calls: int = 0
    ok_calls: int = 0
    """Successful calls that ended within the repeat."""
    ok_images: int = 0
    """Successful images of calls that ended within the repeat."""
    cpu_seconds: float = 0.0
    """CPU time of the generator's processes."""

    @property
    def failed_share(self) -> float:
        """The share of images that failed; rejected and superseded ones are not failures."""
        total = self.images.total()
        failed = sum(count for status, count in self.images.items() if status not in NOT_FAILURES)
        return failed / total if total else 0.0

    def add(self, other: Self) -> None:
        """Add the counts of another recording, without its seconds."""
        self.due += other.due
        self.never_started += other.never_started
        self.calls.update(other.calls)
        self.images.update(other.images)
        self.messages = {**other.messages, **self.messages}
        self.latency.merge(other.latency)
        self.lag.merge(other.lag)
        self.ended_calls += other.ended_calls
        self.ok_calls += other.ok_calls
        self.ok_images += other.ok_images
        self.cpu_seconds += other.cpu_seconds


def merge_concurrent(recordings: Sequence[Recording]) -> Recording:
    """Return the recording of one repeat, from those of each process."""
    return _merge(recordings, max(recording.seconds for recording in recordings))


def merge_sequential(recordings: Sequence[Recording]) -> Recording:
    """Return the recording of several repeats together."""
    return _merge(recordings, sum(recording.seconds for recording in recordings))


def _merge(recordings: Sequence[Recording], seconds: float) -> Recording:
    merged = Recording(seconds)
    for recording in recordings:
        merged.add(recording)
    return merged


class Meter:
    """Assigns calls to the repeats that they belong to.

    Calls outside of all repeats are not counted. Not thread-safe: use it in one event loop.
    """

    def __init__(self, start: float, seconds: float, repeats: int) -> None:
        """Create the recordings.

        Args:
            start: Start of the first repeat, on the clock of the running event loop.
            seconds: Length of each repeat.
            repeats: The maximum number of repeats.
        """
        self.now = asyncio.get_running_loop().time
        self.recordings = [Recording(seconds) for _ in range(repeats)]
        self._start = start
        self._seconds = seconds
        self._closed_at = math.inf

    def end_of(self, repeat: int) -> float:
        """Return the time at which a repeat ends."""
        return self._start + (repeat + 1) * self._seconds

    def close(self, at: float) -> None:
        """Cut the repeats off at a time; later ones have no length."""
        self._closed_at = at
        for repeat, recording in enumerate(self.recordings):
            elapsed = at - self.end_of(repeat - 1)
            recording.seconds = min(max(elapsed, 0.0), self._seconds)

    def call_started(self, due: float, lag_seconds: float) -> None:
        """Count a call that starts now."""
        if recording := self._at(due):
            recording.due += 1
            recording.lag.add(lag_seconds)

    def call_never_started(self, due: float) -> None:
        """Count a call that was due but that the generator will not make."""
        if recording := self._at(due):
            recording.due += 1
            recording.never_started += 1

    def call_ended(self, due: float, outcome: Outcome) -> None:
        """Count a call that ended just now."""
        now = self.now()
        is_ok = outcome.status == OK
        if recording := self._at(due):
            recording.calls[outcome.status] += 1
            recording.images.update(outcome.images)
            for status, message in outcome.messages.items():
                recording.messages.setdefault(status, message)
            if is_ok:
                recording.latency.add(now - due)
        if now <= self._closed_at and (recording := self._at(now)):
            recording.ended_calls += 1
            recording.ok_calls += is_ok
            recording.ok_images += outcome.images.get(OK, 0)

    def _at(self, time: float) -> Recording | None:
        repeat = math.floor((time - self._start) / self._seconds)
        return self.recordings[repeat] if 0 <= repeat < len(self.recordings) else None
