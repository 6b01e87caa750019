"""Limits that are checked before a body is read, and counted while it arrives."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .problems import ProblemError, overloaded
from .settings import Settings

# The rest of a body that is not read would otherwise be received and thrown away.
_CLOSE: Final = {"connection": "close"}


class Limits:
    """Rejects requests with bodies that are too large or too slow, and too many at a time."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        """Wrap an application.

        Args:
            app: Serves the requests within the limits.
            settings: Has the limits.
            metrics: Show what is in flight.
        """
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._request_count = 0
        self._stream_count = 0
        self._byte_count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits.

        Raises:
            ProblemError: A limit is exceeded.
        """
        if scope["type"] == "websocket":
            await self._serve_stream(scope, receive, send)
        else:
            await self._serve_request(scope, receive, send)

    async def _serve_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._request_count >= self._settings.max_requests:
            raise overloaded(f"{self._settings.max_requests} requests are in flight; retry later")
        announced = _announced_bytes(scope)
        body = None
        if announced != 0:
            self._check(announced or 0, announced or 0)
            body = _Body(self, self._settings.body_seconds)
        self._count_request(1)
        try:
            await self._app(scope, receive if body is None else body.of(receive), send)
        finally:
            self._count_request(-1)
            if body is not None:
                self._count_bytes(-body.byte_count)

    async def _serve_stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stream_count >= self._settings.max_streams:
            raise overloaded(f"{self._settings.max_streams} WebSockets are open; retry later")
        self._count_stream(1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._count_stream(-1)

    def add_bytes(self, count: int, total: int) -> None:
        """Count bytes of a body that have arrived.

        Args:
            count: The bytes.
            total: The bytes of this body with them.

        Raises:
            ProblemError: The body is too large, or too much is in flight.
        """
        self._check(count, total)
        self._count_bytes(count)

    def _check(self, count: int, total: int) -> None:
        limit = self._settings.max_body_bytes
        if total > limit:
            raise ProblemError(413, f"the body is larger than {limit} bytes", headers=_CLOSE)
        if self._byte_count + count > self._settings.max_queue_bytes:
            raise overloaded("too many bytes are in flight; retry later", headers=_CLOSE)

    def _count_request(self, change: int) -> None:
        self._request_count += change
        self._metrics.requests_in_flight.set(self._request_count)

    def _count_stream(self, change: int) -> None:
        self._stream_count += change
        self._metrics.streams.set(self._stream_count)

    def _count_bytes(self, change: int) -> None:
        self._byte_count += change
        self._metrics.body_bytes.set(self._byte_count)


class _Body:
    """The body of one request, whose bytes and time are counted."""

    def __init__(self, limits: Limits, seconds: float) -> None:
        self._limits = limits
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._is_complete = False
        self.byte_count = 0
        """The bytes that have arrived."""

    def of(self, receive: Receive) -> Receive:
        """Return a function that receives the body and counts it."""

        async def receive_within_limits() -> Message:
            if self._is_complete:
                return await receive()
            try:
                async with asyncio.timeout_at(self._deadline):
                    message = await receive()
            except TimeoutError:
                raise ProblemError(408, "the body did not arrive in time", headers=_CLOSE) from None
            if message["type"] == "http.request":
                count = len(message.get("body", b""))
                self._limits.add_bytes(count, self.byte_count + count)
                self.byte_count += count
                self._is_complete = not message.get("more_body", False)
            return message

        return receive_within_limits


def _announced_bytes(scope: Scope) -> int | None:
    """Return the size of a body by its headers: 0 without one, None if it comes in chunks.

    Raises:
        ProblemError: The body is compressed, or its length is not a number.
    """
    length = 0
    is_chunked = False
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            is_chunked = True
        elif name == b"content-length":
            # The HTTP server accepts no other, but has no limit for it.
            if not value.isdigit() or len(value) > 18:
                raise ProblemError(400, "Content-Length is not a number of bytes")
            length = int(value)
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise ProblemError(415, "the body must not be compressed (Content-Encoding)")
    return None if is_chunked else length
