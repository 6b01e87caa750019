"""pygrpc-native's asyncio server, changed to send pending responses before it stops.

The package is an optional extra: only ``transport.py`` imports this module, and only for
``--transport native``.
"""

import time
from typing import Any, Final

import pygrpc_native.aio

# The library closes all connections as soon as the last handler returns. Its threads may still
# hold responses to send then; on busy cores those were lost.
FLUSH_SECONDS: Final = 0.5


class NativeServer(pygrpc_native.aio.Server):
    """Stops as grpcio's server does: a call that finishes in the grace gets its response."""

    async def stop(self, grace: float | None) -> None:
        """Refuse new calls, wait for those in flight, send their responses, and close.

        Args:
            grace: Seconds for calls in flight; 0 or None closes the connections at once.
        """
        if grace:
            self._front: Any = _DelayedClose(self._front)
        await super().stop(grace)


class _DelayedClose:
    """The native transport with a delay before it closes; called in a thread."""

    def __init__(self, front: Any) -> None:
        self._front = front

    def __getattr__(self, name: str) -> Any:
        return getattr(self._front, name)

    def close(self) -> None:
        time.sleep(FLUSH_SECONDS)
        self._front.close()
