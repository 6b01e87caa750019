"""Admission: the one limit on everything that waits in the server."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from digits_server.errors import OverloadedError
from digits_server.ops.metrics import Metrics

MIN_RETRY_SECONDS: Final = 0.05
# The time per image is averaged over about this many images.
_AVERAGED_IMAGES: Final = 200


@dataclass(frozen=True)
class AdmissionLimits:
    """Limits on what may be in flight at once."""

    image_count: int
    byte_count: int
    stream_count: int
    wait_seconds: float
    """Longest expected wait of the last image in flight."""


class _Lane:
    """Images that wait for the same resource, and how long each takes."""

    def __init__(self) -> None:
        self.image_count = 0
        self._seconds_per_image = 0.0
        self._measured_from = 0.0

    def wait_seconds(self, image_count: int = 0) -> float:
        """Return the expected time for the images in flight, and so many more."""
        return (self.image_count + image_count) * self._seconds_per_image

    def enter(self, image_count: int) -> None:
        if not self.image_count:
            self._measured_from = time.perf_counter()
        self.image_count += image_count

    def update_average(self, image_count: int) -> None:
        now = time.perf_counter()
        seconds_per_image = (now - self._measured_from) / image_count
        self._measured_from = now
        share = image_count / (image_count + _AVERAGED_IMAGES)
        self._seconds_per_image += (seconds_per_image - self._seconds_per_image) * share


class Admission:
    """Admits or rejects requests by the work already in flight.

    A request never queues for admission: it is admitted at once, or rejected with a delay
    after which to retry. A request larger than a limit is admitted only when nothing else
    is in flight.

    The number of images predicts the wait poorly, because a photo takes a hundred times as
    long as a 28x28 image. The class therefore tracks the average time per image, and rejects
    requests whose expected wait exceeds the limit or that would finish after their deadline.
    Plain images do not wait for those that are decoded in other processes, so each kind has its
    own count and average.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(self, limits: AdmissionLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._plain, self._decoded = _Lane(), _Lane()
        self._byte_count = 0
        self._stream_count = 0
        self._rejected_requests = {
            limit: metrics.rejected_requests.labels(limit)
            for limit in ("images", "bytes", "wait", "deadline", "streams")
        }
        metrics.images_in_flight.set_function(
            lambda: self._plain.image_count + self._decoded.image_count
        )

    def check(self, remaining_seconds: float = math.inf) -> None:
        """Raise an error if even a single further plain image would be rejected.

        Args:
            remaining_seconds: Time until the caller stops waiting.

        Raises:
            OverloadedError: The image would be rejected.
        """
        self._check(self._plain, 1, 0, remaining_seconds)

    @contextmanager
    def admit(
        self,
        image_count: int,
        byte_count: int,
        remaining_seconds: float = math.inf,
        *,
        is_plain: bool = True,
    ) -> Iterator[None]:
        """Count a request as in flight for as long as the context lasts.

        Args:
            image_count: Number of images in the request.
            byte_count: Their size.
            remaining_seconds: Time until the caller stops waiting.
            is_plain: Whether the images are decoded in this process.

        Raises:
            OverloadedError: The request exceeds a limit, or could not be finished in time.
        """
        lane = self._plain if is_plain else self._decoded
        self._check(lane, image_count, byte_count, remaining_seconds)
        lane.enter(image_count)
        self._byte_count += byte_count
        try:
            yield
            lane.update_average(image_count)
        finally:
            lane.image_count -= image_count
            self._byte_count -= byte_count

    @contextmanager
    def admit_stream(self) -> Iterator[None]:
        """Count a stream as open for as long as the context lasts.

        Raises:
            OverloadedError: Too many streams are open.
        """
        if self._stream_count >= self._limits.stream_count:
            count, limit = self._stream_count, self._limits.stream_count
            raise self._rejection("streams", f"{count} streams are open; the limit is {limit}", 0)
        self._stream_count += 1
        try:
            yield
        finally:
            self._stream_count -= 1

    def _check(
        self, lane: _Lane, image_count: int, byte_count: int, remaining_seconds: float
    ) -> None:
        """Raise an error if a request would exceed a limit."""
        if not lane.image_count:
            return
        limits, wait_seconds = self._limits, lane.wait_seconds()
        wait = f"estimated wait of {round(wait_seconds, 2):g} s"
        if lane.image_count + image_count > limits.image_count:
            reason = f"{lane.image_count} images are in flight; the limit is {limits.image_count}"
            raise self._rejection("images", reason, wait_seconds)
        if self._byte_count + byte_count > limits.byte_count:
            reason = (
                f"{self._byte_count} bytes of images are in flight; "
                f"the limit is {limits.byte_count}"
            )
            raise self._rejection("bytes", reason, wait_seconds)
        if wait_seconds > limits.wait_seconds:
            reason = f"{wait} exceeds the {limits.wait_seconds:g} s limit"
            raise self._rejection("wait", reason, wait_seconds)
        if lane.wait_seconds(image_count) > remaining_seconds:
            left = f"{round(max(remaining_seconds, 0), 2):g} s away"
            reason = f"{wait} leaves no time before the deadline, which is {left}"
            raise self._rejection("deadline", reason, wait_seconds)

    def _rejection(self, limit: str, reason: str, wait_seconds: float) -> OverloadedError:
        """Return the error for a request that exceeds a limit, and count it."""
        self._rejected_requests[limit].inc()
        return OverloadedError(reason, round(max(wait_seconds, MIN_RETRY_SECONDS), 2))
