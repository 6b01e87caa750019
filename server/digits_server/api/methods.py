"""The server's methods in one table, from which each call gets its handler."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import grpc

from digits_server.inference.admission import Admission
from digits_server.ops.metrics import CallMetrics, Metrics

from .arity import MethodHandler
from .auth import UNAUTHENTICATED, Authenticator
from .call_wrapper import wrap
from .message_reader import MessageReader
from .open_calls import OpenCalls

# While the server is full, calls of these are rejected before their message is read.
_METHODS_WITH_IMAGES: Final = frozenset({"Recognize", "RecognizeBatch", "ModelInfer"})

Wrap: TypeAlias = Callable[[str, MethodHandler], MethodHandler]
"""Returns a handler that also does something else, for the full name of its method."""


class Methods(grpc.GenericRpcHandler):
    """Wraps the handler of each method once, and looks it up for each call.

    Generated ``add_*_to_server`` functions accept it in place of a server. It does what
    interceptors would do at a higher cost, because gRPC runs them as coroutines for each call.
    """

    def __init__(
        self,
        metrics: Metrics,
        admission: Admission,
        reader: MessageReader,
        authenticator: Authenticator | None = None,
        record: Wrap | None = None,
    ) -> None:
        """Create an empty table.

        Args:
            metrics: Counts and times the calls.
            admission: Checked before the message of a call with images is read.
            reader: Reads the messages of all calls.
            authenticator: Checks each call; None accepts all.
            record: Wraps each handler once more, to record its calls and their rejections.
        """
        self._metrics = metrics
        self._admission = admission
        self._reader = reader
        self.open_calls = OpenCalls()
        """Counts each call while it is open."""
        self._authenticator = authenticator
        self._record: Wrap = record or (lambda _, handler: handler)
        self._handlers: dict[str, MethodHandler] = {}
        # For a call without a valid token.
        self._token_handlers: dict[str, MethodHandler] = {}

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Do nothing: generated code adds the same methods by the function below."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, MethodHandler]
    ) -> None:
        """Wrap and add the methods of a service."""
        for name, handler in handlers.items():
            method = f"{service}/{name}"
            calls = CallMetrics(self._metrics, method)
            admission = self._admission if name in _METHODS_WITH_IMAGES else None
            wrapped = wrap(method, handler, calls, self._reader, self.open_calls, admission)
            self._handlers["/" + method] = self._record(method, wrapped)
            self._token_handlers["/" + method] = self._record(method, UNAUTHENTICATED)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "MethodHandler | None":
        """Return the handler of a call; None if the method does not exist."""
        self.open_calls.add()
        method = handler_call_details.method
        if self._authenticator is not None and not self._authenticator.accepts(
            handler_call_details
        ):
            return self._token_handlers.get(method, UNAUTHENTICATED)
        return self._handlers.get(method)
