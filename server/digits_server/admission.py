"""How much is taken in at once: the one bound on everything that waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from .errors import OverloadedError
from .metrics import Metrics

RETRY_AFTER_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Room:
    """What may be in hand at once."""

    image_count: int
    byte_count: int
    stream_count: int


class Admission:
    """Counts what is in hand, from arrival to answer, and turns away what is too much.

    Nothing waits to be admitted: a request has room at once, or its caller is told when to
    try again. One that is larger than all the room is admitted when nothing else is in hand.
    Belongs to the event loop.
    """

    def __init__(self, room: Room, metrics: Metrics) -> None:
        self._room = room
        self._metrics = metrics
        self._image_count = 0
        self._byte_count = 0
        self._stream_count = 0

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
        self._hold(image_count, byte_count)
        try:
            yield is_alone
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

    def refusal(self, limit: str = "images") -> OverloadedError:
        """Return the error for a request that has no room, and count it."""
        self._metrics.shed.labels(limit).inc()
        what, count, most = {
            "images": ("images wait", self._image_count, self._room.image_count),
            "bytes": ("bytes of images wait", self._byte_count, self._room.byte_count),
            "streams": ("streams are open", self._stream_count, self._room.stream_count),
        }[limit]
        return OverloadedError(f"{count} {what} and at most {most} may", RETRY_AFTER_SECONDS)

    def _exceeded(self, image_count: int, byte_count: int) -> str | None:
        if self._image_count == 0:
            return None
        if self._image_count + image_count > self._room.image_count:
            return "images"
        if self._byte_count + byte_count > self._room.byte_count:
            return "bytes"
        return None

    def _hold(self, image_count: int, byte_count: int) -> None:
        self._image_count += image_count
        self._byte_count += byte_count
        self._metrics.images_in_hand.set(self._image_count)
