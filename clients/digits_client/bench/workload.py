"""The load to put on a server, and how long to measure it."""

import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .convergence import Repeats
from .image_kinds import ImageKind
from .schedule import Arrivals


class CallKind(enum.StrEnum):
    """The method that the generator calls."""

    UNARY = "unary"
    """``Recognize``."""
    NUMBER = "number"
    """``Recognize`` with the layout of a number."""
    BATCH = "batch"
    """``RecognizeBatch``."""
    STREAM = "stream"
    """``StreamingRecognize``; each drawing of a stream counts as a call."""
    NOOP = "noop"
    """``GetModel``, which reads no image."""


DEFAULT_REPEATS: Final = Repeats(min_count=3, max_count=10, tolerance=0.05)


@dataclass(frozen=True)
class Workload:
    """A load, and the repeats in which it is measured.

    Without ``rate`` it is a closed loop: each caller waits for its response before it calls
    again. With ``rate`` it is an open loop: calls start on schedule, whether earlier ones have
    ended or not. Streams always draw on schedule, so they need a rate.
    """

    kind: CallKind = CallKind.UNARY
    callers: int = 16
    """Callers of the closed loop, or streams; not used by an open loop."""
    rate: float | None = None
    """Calls per second in all, or drawings per second of each stream."""
    arrivals: Arrivals = Arrivals.POISSON
    seed: int = 1
    """Seed of Poisson arrivals."""
    images: ImageKind | Path = ImageKind.RAW28
    """Drawn digits, or a folder of image files."""
    batch_size: int = 1
    """Images per call; more than 1 only with ``CallKind.BATCH``."""
    processes: int = 1
    connections: int = 1
    """Connections of each process."""
    timeout_seconds: float = 10.0
    """Deadline of each call."""
    warmup_seconds: float = 2.0
    """Length of the load before the first repeat."""
    repeat_seconds: float = 5.0
    repeats: Repeats = DEFAULT_REPEATS

    @property
    def is_open_loop(self) -> bool:
        """True if calls start at a rate, whether earlier ones have ended or not."""
        return self.rate is not None and self.kind is not CallKind.STREAM

    @property
    def max_seconds(self) -> float:
        """The longest that the measurement takes once the server is reached."""
        repeats_seconds = self.repeats.max_count * self.repeat_seconds
        return self.warmup_seconds + repeats_seconds + 2 * self.timeout_seconds

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by the names of the command's options, to be stored and compared."""
        folder = str(self.images) if isinstance(self.images, Path) else None
        has_drawn_images = folder is None and self.kind is not CallKind.NOOP
        return {
            "kind": self.kind.value,
            "concurrency": None if self.is_open_loop else self.callers,
            "rate": self.rate,
            "arrivals": self.arrivals.value if self.rate else None,
            "seed": self.seed,
            "images": self.batch_size,
            "image": str(self.images) if has_drawn_images else None,
            "folder": folder,
            "processes": self.processes,
            "connections": self.connections,
            "timeout": self.timeout_seconds,
            "warmup": self.warmup_seconds,
            "seconds": self.repeat_seconds,
            "repeats": f"{self.repeats.min_count}..{self.repeats.max_count}",
            "stable_within": self.repeats.tolerance,
        }

    def __str__(self) -> str:
        subject = {
            CallKind.UNARY: f"unary, {self.images}",
            CallKind.NUMBER: f"numbers, {self.images}",
            CallKind.BATCH: f"batches of {self.batch_size}, {self.images}",
            CallKind.STREAM: f"streams, {self.images}",
            CallKind.NOOP: "noop",
        }[self.kind]
        rate = f"{self.rate:g} per second, {self.arrivals.value}" if self.rate else ""
        if self.kind is CallKind.STREAM:
            load = f"{self.callers} with {rate}"
        elif self.is_open_loop:
            load = f"open loop with {rate}"
        else:
            load = f"closed loop of {self.callers}"
        return f"{subject}: {load}; processes: {self.processes}"


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows have no affinity
