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


class Admission:
    """Admits or rejects requests by the work already in flight.

    A request never queues for admission: it is admitted at once, or rejected with a delay
    after which to retry. A request larger than a limit is admitted only when nothing else
    is in flight.

    The number of images predicts the wait poorly, because a photo takes a hundred times as
    long as a 28x28 image. The class therefore tracks the average time per image, and rejects
    requests whose expected wait exceeds the limit or that would finish after their deadline.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(self, limits: AdmissionLimits, metrics: Metrics) -> None:
        self._limits = limits
        self._image_count = 0
        self._byte_count = 0
        self._stream_count = 0
        self._seconds_per_image = 0.0
        self._measured_from = 0.0
        self._rejected_requests = {
            limit: metrics.rejected_requests.labels(limit)
            for limit in ("images", "bytes", "wait", "deadline", "streams")
        }
        metrics.images_in_flight.set_function(lambda: self._image_count)

    @property
    def expected_wait_seconds(self) -> float:
        """Time that an image arriving now would wait for the images in flight."""
        return self._image_count * self._seconds_per_image

    def check(self, remaining_seconds: float = math.inf) -> None:
        """Raise an error if even a single further image would be rejected.

        Args:
            remaining_seconds: Time until the caller stops waiting.

        Raises:
            OverloadedError: The image would be rejected.
        """
        self._check(1, 0, remaining_seconds)

    @contextmanager
    def admit(
        self, image_count: int, byte_count: int, remaining_seconds: float = math.inf
    ) -> Iterator[None]:
        """Count a request as in flight for as long as the context lasts.

        Args:
            image_count: Number of images in the request.
            byte_count: Their size.
            remaining_seconds: Time until the caller stops waiting.

        Raises:
            OverloadedError: The request exceeds a limit, or could not be finished in time.
        """
        self._check(image_count, byte_count, remaining_seconds)
        if not self._image_count:
            self._measured_from = time.perf_counter()
        self._add(image_count, byte_count)
        try:
            yield
            self._update_average(image_count)
        finally:
            self._add(-image_count, -byte_count)

    @contextmanager
    def admit_stream(self) -> Iterator[None]:
        """Count a stream as open for as long as the context lasts.

        Raises:
            OverloadedError: Too many streams are open.
        """
        if self._stream_count >= self._limits.stream_count:
            raise self._rejection("streams")
        self._stream_count += 1
        try:
            yield
        finally:
            self._stream_count -= 1

    def _check(self, image_count: int, byte_count: int, remaining_seconds: float) -> None:
        limit = self._exceeded_limit(image_count, byte_count, remaining_seconds)
        if limit is not None:
            raise self._rejection(limit, remaining_seconds)

    def _exceeded_limit(
        self, image_count: int, byte_count: int, remaining_seconds: float
    ) -> str | None:
        if not self._image_count:
            return None
        if self._image_count + image_count > self._limits.image_count:
            return "images"
        if self._byte_count + byte_count > self._limits.byte_count:
            return "bytes"
        wait_seconds = self.expected_wait_seconds
        if wait_seconds > self._limits.wait_seconds:
            return "wait"
        if wait_seconds + image_count * self._seconds_per_image > remaining_seconds:
            return "deadline"
        return None

    def _rejection(self, limit: str, remaining_seconds: float = math.inf) -> OverloadedError:
        """Return the error for a request that exceeds a limit, and count it."""
        self._rejected_requests[limit].inc()
        wait_seconds = self.expected_wait_seconds
        wait = f"estimated wait of {round(wait_seconds, 2):g} s"
        reason = {
            "images": f"{self._image_count} images are in flight; "
            f"the limit is {self._limits.image_count}",
            "bytes": f"{self._byte_count} bytes of images are in flight; "
            f"the limit is {self._limits.byte_count}",
            "streams": f"{self._stream_count} streams are open; "
            f"the limit is {self._limits.stream_count}",
            "wait": f"{wait} exceeds the {self._limits.wait_seconds:g} s limit",
            "deadline": f"{wait} leaves no time before the deadline, "
            f"which is {round(max(remaining_seconds, 0), 2):g} s away",
        }[limit]
        return OverloadedError(reason, round(max(wait_seconds, MIN_RETRY_SECONDS), 2))

    def _update_average(self, image_count: int) -> None:
        now = time.perf_counter()
        seconds_per_image = (now - self._measured_from) / image_count
        self._measured_from = now
        share = image_count / (image_count + _AVERAGED_IMAGES)
        self._seconds_per_image += (seconds_per_image - self._seconds_per_image) * share

    def _add(self, image_count: int, byte_count: int) -> None:
        self._image_count += image_count
        self._byte_count += byte_count
