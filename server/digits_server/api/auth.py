"""Bearer tokens: who shows one of those in a file is let in."""

import hashlib
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

import grpc

from digits_server.errors import CredentialsError
from digits_server.ops.metrics import Metrics

logger = logging.getLogger(__name__)

LEAST_TOKEN_CHARACTERS: Final = 16
REFUSAL: Final = "a token is needed: metadata 'authorization: Bearer ...'"
_KEY: Final = "authorization"
_SCHEME: Final = "bearer "
_LOOK_SECONDS: Final = 1.0

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Tokens:
    """The tokens in a file, one a line; kept as digests.

    Several are there while one is exchanged for another. Empty lines and those that begin
    with # are none. The file is looked at again when it has changed, at most once a second.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            CredentialsError: It cannot be read, holds no token, or one that is no good.
        """
        self._file = file
        self._clock = clock
        self._looked = clock()
        self._state = _state(file)
        self._digests = _digests(file)

    def admit(self, token: str) -> bool:
        """Return whether a token is one of them, in a time that does not tell how nearly."""
        self._look()
        shown = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        # All are compared, whichever it is.
        return sum([hmac.compare_digest(shown, digest) for digest in self._digests]) > 0

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        state = _state(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._digests = _digests(self._file)
            logger.info("%d tokens read from %s", len(self._digests), self._file)
        except CredentialsError as error:
            logger.warning("the tokens are kept as they were: %s", error)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _digests(file: Path) -> list[bytes]:
    try:
        lines = file.read_text("ascii").splitlines()
    except OSError as error:
        raise CredentialsError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CredentialsError(f"{file} holds other characters than ASCII") from error
    tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not tokens:
        raise CredentialsError(f"{file} holds no token")
    for number, token in enumerate(tokens, 1):
        if len(token) < LEAST_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
            raise CredentialsError(
                f"token {number} in {file} is not {LEAST_TOKEN_CHARACTERS} or more printable "
                "characters without a space"
            )
    return [hashlib.sha256(token.encode()).digest() for token in tokens]


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Lets in who shows a token; who does not learns nothing, also not what is here."""

    def __init__(self, tokens: Tokens, open_services: Collection[str], metrics: Metrics) -> None:
        """Ask for a token everywhere but in the services of these full names."""
        self._tokens = tokens
        self._metrics = metrics
        self._open_services = frozenset(open_services)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method's handler, or one of the same arity that refuses."""
        service = handler_call_details.method.removeprefix("/").partition("/")[0]
        if service in self._open_services or self._is_let_in(handler_call_details):
            return await continuation(handler_call_details)
        # Without its name, which may be whatever a stranger writes.
        self._metrics.unauthenticated.inc()
        return _refusing(await continuation(handler_call_details))

    def _is_let_in(self, details: grpc.HandlerCallDetails) -> bool:
        shown = [value for key, value in details.invocation_metadata or () if key == _KEY]
        if len(shown) != 1 or not isinstance(shown[0], str):
            return False
        scheme, token = shown[0][: len(_SCHEME)], shown[0][len(_SCHEME) :]
        return scheme.lower() == _SCHEME and self._tokens.admit(token)


def _refusing(handler: Handler) -> Handler:
    if handler is None or not (handler.request_streaming or handler.response_streaming):
        return grpc.unary_unary_rpc_method_handler(_refuse)
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(_refuse)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(_refuse)
    return grpc.unary_stream_rpc_method_handler(_refuse)


async def _refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSAL)
