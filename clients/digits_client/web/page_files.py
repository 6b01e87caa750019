"""The page and its files: static, revalidated by ETag, compressed where the browser accepts it."""

import hashlib
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from digits_client.look import style_sheet

FOLDER: Final = Path(__file__).parent / "page"
LOOK: Final = "look.css"
"""The one file that is made, from ``digits_client.look``."""
COMPRESSED: Final = (Middleware(GZipMiddleware, minimum_size=500),)
"""For responses that are worth it, where the browser accepts it."""
# The page loads nothing from elsewhere and runs nothing that is not a file of its own.
SECURITY_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; manifest-src 'self'; media-src 'self' blob:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class PageFiles(StaticFiles):
    """Files that a browser keeps, and asks about each time whether they have changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or 304 if the browser has it."""
        if path == LOOK and scope["method"] in ("GET", "HEAD"):
            response = _look(scope)
        else:
            response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def _look(scope: Scope) -> Response:
    """Return the style sheet with the colors, type and spacing, or 304 if the browser has it."""
    css = style_sheet()
    etag = f'"{hashlib.sha256(css.encode()).hexdigest()[:32]}"'
    if Headers(scope=scope).get("if-none-match") == etag:
        return Response(status_code=304, headers={"etag": etag})
    return Response(css, media_type="text/css", headers={"etag": etag})


def page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Return the routes of the page at ``/`` and of its files at ``/static``."""
    files = PageFiles(directory=folder)

    async def index(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

    return [
        Route("/", index, methods=["GET"], middleware=COMPRESSED),
        Mount("/static", files, middleware=COMPRESSED),
    ]
