"""The composition root: connects the routes, the limits and the digits server."""

import contextlib
import importlib.metadata
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from digits_client.cli.server_options import ServerOptions

from .coalesce import Coalescer
from .gate import Gate
from .limits import Limits
from .page_files import page_routes
from .recognize import RecognizeRoutes
from .settings import Settings
from .stream import SUBPROTOCOL, DrawingSocket
from .upstream import Upstream

VERSION: Final = importlib.metadata.version("digits")


class Application:
    """The ASGI application of one gateway process."""

    def __init__(self, settings: Settings, server: ServerOptions) -> None:
        self.is_draining = False
        """Whether the gateway is about to stop. It then reports that it is not ready."""
        self._settings = settings
        self._server = server
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the lifespan, which creates all parts in the event loop."""
        if self._app is None:
            self._app = self._create()
        await self._app(scope, receive, send)

    def _create(self) -> ASGIApp:
        settings = self._settings
        upstream = Upstream(self._server, settings.timeout_seconds)
        coalescer = Coalescer(upstream, settings.timeout_seconds)
        recognize = RecognizeRoutes(upstream, coalescer, settings.max_files)

        async def stream(socket: WebSocket) -> None:
            drawings = DrawingSocket(socket, upstream)
            offered = socket.scope.get("subprotocols", ())
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            await drawings.serve()

        async def public_settings(request: Request) -> Response:
            content = {
                "corrections": settings.corrections is not None,
                "tokenRequired": settings.tokens_file is not None,
                "version": VERSION,
            }
            return Response(json.dumps(content), media_type="application/json")

        async def healthz(request: Request) -> Response:
            return PlainTextResponse("ok\n")

        @contextlib.asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            yield
            await upstream.close()

        routes: list[BaseRoute] = [
            Route("/v1/recognize", recognize.recognize, methods=["POST"]),
            WebSocketRoute("/v1/stream", stream),
            Route("/v1/recognize:batch", recognize.recognize_batch, methods=["POST"]),
            Route("/v1/model", recognize.model, methods=["GET"]),
            Route("/v1/settings", public_settings, methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            *page_routes(),
        ]
        router = Router(routes, redirect_slashes=False, lifespan=lifespan)
        return Gate(Limits(router, settings), lambda scope, status: None)
