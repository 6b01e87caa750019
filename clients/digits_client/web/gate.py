"""What every request passes: its id, the security headers, and the response of its failure."""

import logging
import re
import secrets
import time
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics
from .page_files import SECURITY_HEADERS
from .problems import ProblemError, from_http_exception, to_response

logger = logging.getLogger(__name__)

REQUEST_ID: Final = b"x-request-id"
_ACCEPTED_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,64}")
_HEADERS: Final = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_INTERNAL: Final = "the gateway failed; its log has the reason under the request id"


class Gate:
    """The outermost application. It lets no exception out, and reveals no detail of a fault."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap an application.

        Args:
            app: Raises ProblemError or HTTPException for a request that fails.
            metrics: Counts and times the requests.
        """
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request or a WebSocket."""
        scope["app"] = self  # so that Starlette's router raises HTTPException
        request_id = scope["request_id"] = _request_id(scope)
        status = 0
        start = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    *_HEADERS,
                    (REQUEST_ID, request_id),
                ]
            elif message["type"] == "websocket.accept":
                status = 101
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID, request_id)]
            await send(message)

        try:
            try:
                await self._app(scope, receive, send_with_headers)
                return
            except ClientDisconnect:  # while its body arrived
                return
            except ProblemError as error:
                problem = error
            except HTTPException as error:
                problem = from_http_exception(error)
            except Exception:
                logger.exception("request %s failed", request_id.decode())
                problem = ProblemError(500, _INTERNAL)
            await self._fail(scope, receive, send_with_headers, problem, has_started=status > 0)
        finally:
            method = scope.get("method", "WEBSOCKET")
            seconds = time.perf_counter() - start
            self._metrics.record(scope["path"], method, status, seconds)

    async def _fail(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        problem: ProblemError,
        *,
        has_started: bool,
    ) -> None:
        if has_started:
            # The status is sent; the server closes the connection of a response without an end.
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1011})
            return
        response = to_response(problem, scope["path"], scope["request_id"].decode())
        if scope["type"] == "http":
            await response(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await send(
                {
                    "type": "websocket.http.response.start",
                    "status": response.status_code,
                    "headers": response.raw_headers,
                }
            )
            await send({"type": "websocket.http.response.body", "body": response.body})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _request_id(scope: Scope) -> bytes:
    """Return the caller's id of a request, if it is one to repeat, else a new one."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID and _ACCEPTED_ID.fullmatch(value):
            found: bytes = value
            return found
    return secrets.token_hex(8).encode()
