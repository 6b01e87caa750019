"""Limits that are checked before a body is read, and counted while it arrives."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import ProblemError, overloaded
from .settings import Settings


class Limits:
    """Rejects requests with bodies that are too large or too slow, or too many at a time."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings: Final = settings
        self._request_count = 0
        self._stream_count = 0
        self._byte_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits.

        Raises:
            ProblemError: A limit is exceeded.
        """
        if scope["type"] == "http":
            await self._serve_request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stream_count >= self._settings.max_streams:
            raise overloaded(f"{self._settings.max_streams} WebSockets are open; retry later")
        self._stream_count += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._stream_count -= 1

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings = self._settings
        if self._request_count >= settings.max_requests:
            raise overloaded(f"{settings.max_requests} requests are in flight; retry later")
        announced = _content_length(scope)
        reserved = None if announced == 0 else _Body(self, announced)
        self._request_count += 1
        try:
            await self._app(scope, receive if reserved is None else reserved.of(receive), send)
        finally:
            self._request_count -= 1
            if reserved is not None:
                self._byte_count -= reserved.byte_count

    def add_bytes(self, count: int, total: int) -> None:
        """Count bytes of a body.

        Args:
            count: The bytes to add to those in flight.
            total: The size of the body with them.

        Raises:
            ProblemError: The body is too large, or too much is in flight.
        """
        if total > self._settings.max_body_bytes:
            raise ProblemError(
                413, f"the body is larger than {self._settings.max_body_bytes} bytes"
            )
        if self._byte_count + count > self._settings.max_queue_bytes:
            raise overloaded("too many bytes are in flight; retry later")
        self._byte_count += count

    @property
    def body_seconds(self) -> float:
        """The time in which a body has to arrive."""
        return self._settings.body_seconds


class _Body:
    """The body of one request, whose bytes are counted."""

    def __init__(self, limits: Limits, announced: int | None) -> None:
        self._limits = limits
        self.byte_count = 0
        """The bytes that are counted as in flight."""
        self._received = 0
        self._deadline = asyncio.get_running_loop().time() + limits.body_seconds
        self._is_complete = False
        if announced is not None:
            limits.add_bytes(announced, announced)
            self.byte_count = announced

    def of(self, receive: Receive) -> Receive:
        """Return a function that receives the body and counts it."""

        async def receive_within_limits() -> Message:
            if self._is_complete:
                return await receive()
            try:
                async with asyncio.timeout_at(self._deadline):
                    message = await receive()
            except TimeoutError:
                raise ProblemError(408, "the body did not arrive in time") from None
            if message["type"] != "http.request":
                return message
            self._received += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
            excess = self._received - self.byte_count
            if excess > 0:
                self._limits.add_bytes(excess, self._received)
                self.byte_count += excess
            return message

        return receive_within_limits


def _content_length(scope: Scope) -> int | None:
    """Return the size of a body as announced, 0 without one, None if it comes in chunks.

    Raises:
        ProblemError: It is not a number.
    """
    length = 0
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            # The HTTP server has checked it, whatever else it is.
            if not value.isdigit() or len(value) > 18:
                raise ProblemError(400, "Content-Length is not a number of bytes")
            length = int(value)
    return length
