"""Bearer tokens: a call needs one of the tokens in a file."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, NoReturn

import grpc

from digits_server.errors import CredentialsError
from digits_server.ops.metrics import Metrics

from .arity import MethodHandler
from .call import Context

logger = logging.getLogger(__name__)

MIN_TOKEN_CHARACTERS: Final = 16
UNAUTHENTICATED_MESSAGE: Final = "a valid token is required: metadata 'authorization: Bearer ...'"
_KEY: Final = "authorization"
_SCHEME: Final = "bearer "
_CHECK_SECONDS: Final = 1.0


class Tokens:
    """The tokens in a file, one per line, kept as digests.

    The file holds several tokens while one replaces another. Empty lines and lines that start
    with # are ignored. Calls check the file for changes, at most once per second.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            CredentialsError: The file cannot be read, holds no token, or holds an invalid one.
        """
        self._file = file
        self._clock = clock
        self._checked = clock()
        self._state = _state(file)
        self._digests = _digests(file)

    def accepts(self, token: str) -> bool:
        """Return whether the file holds a token, in a time that does not depend on the token."""
        self._read_if_changed()
        presented = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        # Compare with every digest, even after a match.
        return sum([hmac.compare_digest(presented, digest) for digest in self._digests]) > 0

    def _read_if_changed(self) -> None:
        now = self._clock()
        if now - self._checked < _CHECK_SECONDS:
            return
        self._checked = now
        state = _state(self._file)
        if state == self._state:
            return
        self._state = state
        try:
            self._digests = _digests(self._file)
            logger.info("read %d tokens from %s", len(self._digests), self._file)
        except CredentialsError as error:
            logger.warning("the previous tokens stay in use: %s", error)


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
        raise CredentialsError(f"{file} contains characters other than ASCII") from error
    tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not tokens:
        raise CredentialsError(f"{file} contains no token")
    for number, token in enumerate(tokens, 1):
        if len(token) < MIN_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
            raise CredentialsError(
                f"token {number} in {file} must be at least {MIN_TOKEN_CHARACTERS} printable "
                "characters without spaces"
            )
    return [hashlib.sha256(token.encode()).digest() for token in tokens]


class Authenticator:
    """Decides whether a call may proceed."""

    def __init__(self, tokens: Tokens, open_services: Collection[str], metrics: Metrics) -> None:
        """Require a token for every service except some.

        Args:
            tokens: The accepted tokens.
            open_services: Full names of the services that need no token.
            metrics: Counts the unauthenticated calls.
        """
        self._tokens = tokens
        self._metrics = metrics
        self._open_services = frozenset(open_services)

    def accepts(self, details: grpc.HandlerCallDetails) -> bool:
        """Return whether a call has a token or needs none, and count it if not."""
        service = details.method.removeprefix("/").partition("/")[0]
        if service in self._open_services or self._has_token(details):
            return True
        # Without a label for the method: the caller can send any name.
        self._metrics.unauthenticated.inc()
        return False

    def _has_token(self, details: grpc.HandlerCallDetails) -> bool:
        values = [value for key, value in details.invocation_metadata or () if key == _KEY]
        if len(values) != 1 or not isinstance(values[0], str):
            return False
        scheme, token = values[0][: len(_SCHEME)], values[0][len(_SCHEME) :]
        return scheme.lower() == _SCHEME and self._tokens.accepts(token)


async def _abort(_: object, context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, UNAUTHENTICATED_MESSAGE)


# Rejects a call of any method, and reveals nothing of it: to gRPC every call is a stream, and the
# handler of a stream gets no message unless it reads one.
UNAUTHENTICATED: Final[MethodHandler] = grpc.stream_unary_rpc_method_handler(_abort)
