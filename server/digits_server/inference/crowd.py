"""How many requests come together, and whether those that are here wait for the others."""

from typing import Final

# The longest that a request waits for others.
MAX_WAIT_SECONDS: Final = 0.002
# One in so many crowds waits that long, to find out whether more requests come together by now.
CROWDS_PER_PROBE: Final = 16


class Crowd:
    """Learns how many requests come together, from those that came together before.

    Callers who send their next image as soon as they have a prediction form a crowd: all of them
    send again after each chunk. gRPC hands their calls over one by one, so the first one to arrive
    finds nobody to share a chunk with. A lone caller is a crowd of one, and never waits.
    """

    def __init__(self) -> None:
        self._size = 1
        self._is_probe = False
        self._count = 0

    def is_complete(self, request_count: int, waited_seconds: float) -> bool:
        """Return whether the requests that are here need not wait for others.

        Args:
            request_count: Number of requests that are here, at least 1.
            waited_seconds: How long the first of them has waited.
        """
        if waited_seconds >= MAX_WAIT_SECONDS:
            return True
        return request_count >= self._size and not self._is_probe

    def learn(self, request_count: int, waited_seconds: float) -> None:
        """Remember how many requests came together.

        Args:
            request_count: Number of requests that were here when they had waited enough.
            waited_seconds: How long the first of them had waited.
        """
        if self._is_probe:
            self._size = request_count
        elif waited_seconds >= MAX_WAIT_SECONDS:
            # Fewer than expected. The next crowd may be complete again.
            self._size = max(request_count, self._size // 2)
        else:
            self._size = max(request_count, self._size)
        self._count += 1
        self._is_probe = self._size > 1 and self._count % CROWDS_PER_PROBE == 0
