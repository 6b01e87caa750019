"""pygrpc-native's asyncio server, with answers that are written before connections are closed.

It is an extra: only ``transport.py`` imports this, and only if it is asked for.
"""

import time
from typing import Any, Final

import pygrpc_native.aio

# Its own ``stop`` closes all connections as soon as the last handler is done. What that has
# answered may still lie in the transport's threads then, and was lost where cores are busy.
WRITING_SECONDS: Final = 0.5


class NativeServer(pygrpc_native.aio.Server):
    """Ends as grpcio's server does: who was answered in the grace has the answer."""

    async def stop(self, grace: float | None) -> None:
        """Refuse new calls, let those in flight finish, let the answers be written, and close.

        Args:
            grace: Seconds that calls in flight have; without it connections are closed at once.
        """
        if grace:
            self._front: Any = _LateClosing(self._front)
        await super().stop(grace)


class _LateClosing:
    """The transport, closed after a while by whichever thread closes it."""

    def __init__(self, front: Any) -> None:
        self._front = front

    def __getattr__(self, name: str) -> Any:
        return getattr(self._front, name)

    def close(self) -> None:
        time.sleep(WRITING_SECONDS)
        self._front.close()
