"""The composition root: connects the routes, the limits and the digits server."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from digits.tokens import Tokens
from digits_client.cli.server_options import ServerOptions

from .access import Access
from .coalesce import Coalescer
from .corrections import correction_routes
from .docs import docs_routes
from .gate import Gate
from .health import OwnRoutes
from .inference import inference_routes
from .limits import Limits
from .metrics import Metrics
from .page_files import page_routes
from .recognize import RecognizeRoutes
from .settings import Settings
from .stream import SUBPROTOCOL, DrawingSocket
from .upstream import Upstream, channel_credentials

_CORS_HEADERS = ("authorization", "content-type", "inference-header-content-length", "x-request-id")
_EXPOSED_HEADERS = ("inference-header-content-length", "retry-after", "x-request-id")


class Application:
    """The ASGI application of one gateway process."""

    def __init__(
        self, settings: Settings, server: ServerOptions, tokens: Tokens | None = None
    ) -> None:
        """Prepare. The parts are created in the event loop, when the application starts.

        Args:
            settings: All settings of the gateway.
            server: The digits server.
            tokens: The accepted tokens; None to require none.

        Raises:
            CredentialFileError: A file of the credentials for the digits server is not valid.
        """
        self.is_draining = False
        """Whether the gateway is about to stop. It then reports that it is not ready."""
        self._settings = settings
        self._server = server
        self._tokens = tokens
        channel_credentials(server)  # an error has to come before the start
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the lifespan of the application."""
        if scope["type"] == "lifespan":
            router, self._app = self._create()
            await router(scope, receive, send)
        elif self._app is not None:  # the lifespan begins first
            await self._app(scope, receive, send)

    def routes(self, upstream: Upstream, metrics: Metrics) -> list[BaseRoute]:
        """Return all routes, the most frequent ones first."""
        settings = self._settings
        coalescer = Coalescer(upstream, settings.timeout_seconds, metrics.message_images)
        recognize = RecognizeRoutes(upstream, coalescer, settings.max_files)
        own = OwnRoutes(settings, metrics)

        async def stream(socket: WebSocket) -> None:
            drawings = DrawingSocket(socket, upstream)
            offered = socket.scope["subprotocols"]
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            await drawings.serve()

        return [
            Route("/v1/recognize", recognize.recognize, methods=["POST"]),
            WebSocketRoute("/v1/stream", stream),
            Route("/v1/recognize:batch", recognize.recognize_batch, methods=["POST"]),
            *inference_routes(upstream, lambda: self.is_draining),
            Route("/v1/model", recognize.model, methods=["GET"]),
            Route("/v1/settings", own.settings, methods=["GET"]),
            Route("/healthz", own.healthz, methods=["GET"]),
            Route("/metrics", own.metrics, methods=["GET"]),
            *correction_routes(settings.corrections),
            *docs_routes(),
            *page_routes(),
        ]

    def _create(self) -> tuple[Router, ASGIApp]:
        settings, metrics = self._settings, Metrics()
        upstream = Upstream(self._server, settings.timeout_seconds)

        @contextlib.asynccontextmanager
        async def lifespan(_: Any) -> AsyncIterator[None]:
            yield
            await upstream.close()

        router = Router(self.routes(upstream, metrics), redirect_slashes=False, lifespan=lifespan)
        limited = Limits(router, settings, metrics)
        app: ASGIApp = Gate(Access(limited, self._tokens, settings.cors_origins), metrics)
        if settings.cors_origins:
            app = CORSMiddleware(
                app,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=_CORS_HEADERS,
                expose_headers=_EXPOSED_HEADERS,
            )
        return router, app
