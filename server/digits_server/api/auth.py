"""Bearer tokens: a call needs one of the tokens in a file."""

from collections.abc import Collection
from typing import Final, NoReturn

import grpc

from digits.tokens import Tokens
from digits_server.ops.metrics import Metrics

from .arity import MethodHandler
from .call import Context

UNAUTHENTICATED_MESSAGE: Final = "a valid token is required: metadata 'authorization: Bearer ...'"
_KEY: Final = "authorization"
_SCHEME: Final = "bearer "


class Authenticator:
    """Decides whether a call may proceed."""

    def __init__(self, tokens: Tokens, open_methods: Collection[str], metrics: Metrics) -> None:
        """Require a token for every method except some.

        Args:
            tokens: The accepted tokens.
            open_methods: Full names of the methods that need no token, with a slash in front.
            metrics: Counts the unauthenticated calls.
        """
        self._tokens = tokens
        self._metrics = metrics
        self._open_methods = frozenset(open_methods)

    def accepts(self, details: grpc.HandlerCallDetails) -> bool:
        """Return whether a call has a token or needs none, and count it if not."""
        if details.method in self._open_methods or self._has_token(details):
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
