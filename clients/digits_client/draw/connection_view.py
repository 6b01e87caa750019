"""Shows the state of the connection in the status bar, with a countdown to the next attempt."""

import tkinter as tk
from collections.abc import Callable

from . import view_model
from .events import Connected, Connecting, Disconnected, StartingServer
from .status_bar import StatusBar


class ConnectionView:
    """Follows the events of the connection."""

    def __init__(
        self,
        root: tk.Misc,
        status: StatusBar,
        on_retry: Callable[[], None],
        on_start_server: Callable[[], None] | None,
    ) -> None:
        """Set up without showing anything.

        Args:
            root: The main window, for its timer.
            status: The bar that shows the state.
            on_retry: Called to reconnect now.
            on_start_server: Called to start a private server; None not to offer it.
        """
        self._root, self._status = root, status
        self._on_retry, self._on_start_server = on_retry, on_start_server
        self._timer: str | None = None
        self.connected: Connected | None = None
        """The connection that is open, if one is."""

    def show(self, event: Connecting | StartingServer | Connected | Disconnected) -> None:
        """Show an event."""
        if self._timer is not None:
            self._root.after_cancel(self._timer)
            self._timer = None
        self.connected = event if isinstance(event, Connected) else None
        if isinstance(event, Disconnected):
            self._count_down(event.reason, event.retry_seconds)
            if self._on_start_server is not None:
                self._status.offer("Start a server here", self._on_start_server)
            else:
                self._status.offer("Retry now", self._on_retry)
            return
        self._status.show(view_model.status(event))
        self._status.offer(None)
        if isinstance(event, Connected):
            self._status.show_model(event.model.version, event.model.precision)

    def _count_down(self, reason: str, seconds: float) -> None:
        self._status.show(view_model.status(Disconnected(reason, seconds)))
        if seconds >= 1:
            self._timer = self._root.after(1000, self._count_down, reason, seconds - 1)
