"""What the gateway reports of itself: settings for the page, health, metrics."""

import importlib.metadata
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .metrics import Metrics
from .settings import Settings

VERSION: Final = importlib.metadata.version("digits")


class OwnRoutes:
    """``/v1/settings``, ``/healthz`` and ``/metrics``."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics

    async def settings(self, request: Request) -> Response:
        """Return what the page has to know of the settings."""
        content = {
            "corrections": self._settings.corrections is not None,
            "tokenRequired": self._settings.tokens_file is not None,
            "version": VERSION,
        }
        return JSONResponse(content)

    async def healthz(self, request: Request) -> Response:
        """Report that the gateway is alive, whether or not the digits server is."""
        return PlainTextResponse("ok\n")

    async def metrics(self, request: Request) -> Response:
        """Return the metrics of all processes of the gateway."""
        return Response(self._metrics.render(), headers={"content-type": CONTENT_TYPE_LATEST})
