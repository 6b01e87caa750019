"""How much is taken in at once: the one bound on everything that waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from digits_server.errors import OverloadedError
from digits_server.ops.metrics import Metrics

LEAST_RETRY_SECONDS: Final = 0.05
# Of how many images the pace is the mean of, about.
_PACE_IMAGES: Final = 200


@dataclass(frozen=True)
class AdmissionLimits:
    """What may be in hand at once."""

    image_count: int
    byte_count: int
    stream_count: int
    wait_seconds: float
    """That the last of the images in hand may be expected to wait."""


class Admission:
    """Counts what is in hand, from arrival to answer, and turns away what is too much.

    Nothing waits to be admitted: a request has room at once, or its caller is told when to
    try again. One that is larger than all the room is admitted when nothing else is in hand.

    A count of images says little of how long they wait, since photographs take a hundred
    times as long as frames. So the pace is measured, in seconds an image while there is
    work, and what is expected to wait too long by it has no room either.

    Belongs to the event loop.
    """

    def __init__(self, room: AdmissionLimits, metrics: Metrics) -> None:
        self._room = room
        self._image_count = 0
        self._byte_count = 0
        self._stream_count = 0
        self._seconds_per_image = 0.0
        self._paced_from = 0.0
        self._shed = {
            limit: metrics.shed.labels(limit) for limit in ("images", "bytes", "wait", "streams")
        }
        metrics.images_in_hand.set_function(lambda: self._image_count)

    @property
    def expected_wait_seconds(self) -> float:
        """How long an image that came now would wait for those in hand."""
        return self._image_count * self._seconds_per_image

    @property
    def image_count(self) -> int:
        """How many images are in hand."""
        return self._image_count

    @property
    def is_full(self) -> bool:
        """Whether not a single image more has room."""
        return self._exceeded(1, 0) is not None

    @contextmanager
    def admit(self, image_count: int, byte_count: int) -> Iterator[bool]:
        """Hold room for a request; gives whether it is alone.

        Raises:
            OverloadedError: There is no room.
        """
        is_alone = self._image_count == 0
        exceeded = self._exceeded(image_count, byte_count)
        if exceeded is not None:
            raise self.refusal(exceeded)
        if is_alone:
            self._paced_from = time.perf_counter()
        self._hold(image_count, byte_count)
        try:
            yield is_alone
            self._pace(image_count)
        finally:
            self._hold(-image_count, -byte_count)

    @contextmanager
    def admit_stream(self) -> Iterator[None]:
        """Hold room for a stream, until it ends.

        Raises:
            OverloadedError: There is no room.
        """
        if self._stream_count >= self._room.stream_count:
            raise self.refusal("streams")
        self._stream_count += 1
        try:
            yield
        finally:
            self._stream_count -= 1

    def refusal(self, limit: str | None = None) -> OverloadedError:
        """Return the error for a request that has no room, and count it.

        Args:
            limit: What is full; None for what a single image finds full.
        """
        limit = limit or self._exceeded(1, 0) or "images"
        self._shed[limit].inc()
        what, count, most = {
            "images": ("images wait", self._image_count, self._room.image_count),
            "bytes": ("bytes of images wait", self._byte_count, self._room.byte_count),
            "streams": ("streams are open", self._stream_count, self._room.stream_count),
            "wait": (
                "seconds are to wait",
                round(self.expected_wait_seconds, 2),
                self._room.wait_seconds,
            ),
        }[limit]
        retry_after_seconds = round(max(self.expected_wait_seconds, LEAST_RETRY_SECONDS), 2)
        return OverloadedError(f"{count} {what} and at most {most} may", retry_after_seconds)

    def _pace(self, image_count: int) -> None:
        now = time.perf_counter()
        pace = (now - self._paced_from) / image_count
        self._paced_from = now
        share = image_count / (image_count + _PACE_IMAGES)
        self._seconds_per_image += (pace - self._seconds_per_image) * share

    def _exceeded(self, image_count: int, byte_count: int) -> str | None:
        if self._image_count == 0:
            return None
        if self._image_count + image_count > self._room.image_count:
            return "images"
        if self._byte_count + byte_count > self._room.byte_count:
            return "bytes"
        if self.expected_wait_seconds > self._room.wait_seconds:
            return "wait"
        return None

    def _hold(self, image_count: int, byte_count: int) -> None:
        self._image_count += image_count
        self._byte_count += byte_count
