"""pygrpc-native's asyncio server with two faults repaired: lost responses and lost calls.

The package is an optional extra: only ``transport.py`` imports this module, and only for
``--transport native``.
"""

import asyncio
import time
from typing import Any, Final

import pygrpc_native.aio
from pygrpc_native import EVENT_CANCEL

# The library closes all connections as soon as the last handler returns. Its threads may still
# hold responses to send then; on busy cores those were lost.
FLUSH_SECONDS: Final = 0.5


class NativeServer(pygrpc_native.aio.Server):
    """Ends calls as grpcio's server does.

    A call that finishes in the grace period gets its response. A call that is cancelled as soon
    as it arrives still starts, so that it is counted and its message is released.
    """

    async def stop(self, grace: float | None) -> None:
        """Refuse new calls, wait for those in flight, send their responses, and close.

        Args:
            grace: Seconds for calls in flight; 0 or None closes the connections at once.
        """
        if grace:
            self._front: Any = _DelayedClose(self._front)
        await super().stop(grace)

    def _on_events(self, events: list[tuple[Any, ...]]) -> None:
        # A task that is cancelled before its first step never runs its ``finally``, and the
        # library would keep the call forever. One turn of the loop later, the task has started.
        cancellations = [event for event in events if event[0] == EVENT_CANCEL]
        super()._on_events([event for event in events if event[0] != EVENT_CANCEL])
        if cancellations:
            asyncio.get_running_loop().call_soon(super()._on_events, cancellations)


class _DelayedClose:
    """The native transport with a delay before it closes; called in a thread."""

    def __init__(self, front: Any) -> None:
        self._front = front

    def __getattr__(self, name: str) -> Any:
        return getattr(self._front, name)

    def close(self) -> None:
        time.sleep(FLUSH_SECONDS)
        self._front.close()
