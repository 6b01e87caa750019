"""Replaces the behavior of a gRPC method handler and keeps the handler's arity.

gRPC has four kinds of methods: the request and the response are each one message or a stream.
A handler holds its behavior in the attribute of its kind and leaves the other three unset.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import grpc

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behavior: TypeAlias = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Any]
"""Takes the request, or an iterator of requests, and the context of the call."""

# (is the request a stream, is the response a stream)
_HANDLER_FACTORIES: Final[dict[tuple[bool, bool], Callable[..., MethodHandler]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def behavior_of(handler: MethodHandler) -> Behavior:
    """Return the function that a handler calls."""
    behavior: Any = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return behavior  # type: ignore[no-any-return]


def with_behavior(handler: MethodHandler, behavior: Behavior) -> MethodHandler:
    """Return a handler of the same arity and with the same serializers, but another behavior."""
    factory = _HANDLER_FACTORIES[bool(handler.request_streaming), bool(handler.response_streaming)]
    return factory(
        behavior,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
