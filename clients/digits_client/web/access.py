"""Who may use the gateway: bearer tokens, and the sites whose pages may open a WebSocket."""

import base64
import binascii
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from digits.tokens import Tokens

from .problems import ProblemError

TOKEN_PROTOCOL: Final = "digits.token."  # noqa: S105 - what precedes the token
"""A browser cannot send headers with a WebSocket: the token is in a subprotocol, as base64url."""
_SCHEME: Final = b"bearer "
# The page has to load before a person can enter a token, and probes have none.
_OPEN_PATHS: Final = frozenset(
    {
        *("/", "/docs", "/docs.css", "/openapi.json", "/healthz", "/v1/settings"),
        *("/v2/health/live", "/v2/health/ready"),
    }
)
_OPEN_FOLDER: Final = "/static/"
_MISSING: Final = "a valid token is required: Authorization: Bearer ..."


class Access:
    """Rejects requests without a valid token, and WebSockets of foreign pages."""

    def __init__(
        self, app: ASGIApp, tokens: Tokens | None, cors_origins: tuple[str, ...] = ()
    ) -> None:
        """Wrap an application.

        Args:
            app: Serves the requests that are let through.
            tokens: The accepted tokens; None to require none.
            cors_origins: Sites whose pages may open WebSockets; ``*`` is every site.
        """
        self._app = app
        self._tokens = tokens
        self._origins = frozenset(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, if its caller may.

        Raises:
            ProblemError: The caller may not.
        """
        if scope["type"] == "websocket":
            self._check_origin(scope)
        if self._tokens is not None and not _is_open(scope["path"]):
            token = _token(scope)
            if token is None or not self._tokens.accepts(token):
                raise ProblemError(401, _MISSING, headers={"www-authenticate": "Bearer"})
        await self._app(scope, receive, send)

    def _check_origin(self, scope: Scope) -> None:
        """Reject a page of another site: browsers let any page open a WebSocket."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return
        if origin.partition("://")[2] != headers.get(b"host"):
            raise ProblemError(403, "pages of other sites may not open a WebSocket here")


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def _token(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) == 1 and values[0][: len(_SCHEME)].lower() == _SCHEME:
        token: str = values[0][len(_SCHEME) :].decode("latin-1")
        return token
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(TOKEN_PROTOCOL):
            return _decoded(protocol.removeprefix(TOKEN_PROTOCOL))
    return None


def _decoded(text: str) -> str | None:
    try:
        padding = "=" * (-len(text) % 4)
        return base64.b64decode(text + padding, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
