"""The number of images in a group, which one message carries unless they are large."""

from typing import Final

# A message costs as much as a few images, so large groups are faster. Beyond 128 images, the gain
# is small, and other callers of the server wait longer behind the messages in flight.
FIRST_IMAGES: Final = 64
MAX_IMAGES: Final = 128
# Small groups let an interrupted run end soon, and keep messages within their deadline.
MIN_IMAGES: Final = 8
FAST_SECONDS: Final = 0.5
SLOW_SECONDS: Final = 2.0


class GroupSize:
    """Grows while groups are fast and their messages queue up, and shrinks while they are slow.

    It stays small if images come one by one, as on a pipe, where they may wait for a group to be
    complete.
    """

    def __init__(self, limit: int) -> None:
        """Start with a medium size.

        Args:
            limit: Maximum number of images in a message.
        """
        self._max = min(MAX_IMAGES, limit)
        self.value = min(FIRST_IMAGES, limit)
        """The number of images for the next group."""

    def adapt(self, seconds: float, *, has_queued: bool) -> None:
        """Choose the size by the latest group.

        Args:
            seconds: The time in which it was read and recognized.
            has_queued: Whether it had to wait for other messages to be sent.
        """
        if seconds > SLOW_SECONDS:
            self.value = max(self.value // 2, min(MIN_IMAGES, self._max))
        elif seconds < FAST_SECONDS and has_queued:
            self.value = min(self.value * 2, self._max)
