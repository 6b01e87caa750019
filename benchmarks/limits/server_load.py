"""Calls of a digits server, which must succeed."""

from collections.abc import Callable
from typing import Final

import grpc

from benchmarks.h2load import Load, load

TIMEOUT_SECONDS: Final = 10.0


def load_server(
    address: str,
    method: str,
    request: bytes,
    *,
    connections: int,
    streams: int,
    seconds: float,
    warm_up_seconds: float = 0.5,
) -> Load:
    """Send one request repeatedly and return the figures.

    Args:
        address: ``host:port``.
        method: Path of the method.
        request: The serialized message.
        connections: Connections that are open at once.
        streams: Calls in flight per connection.
        seconds: Duration of the measurement.
        warm_up_seconds: Duration of the same load before the measurement.

    Raises:
        LoadError: Calls failed.
        grpc.RpcError: The first call failed.
    """
    response = call_once(address, method, request)
    return load(
        address,
        method,
        request,
        kind="grpc",
        connections=connections,
        streams=streams,
        seconds=seconds,
        warm_up_seconds=warm_up_seconds,
        correct_response=response,
    )


def call_once(address: str, method: str, request: bytes) -> bytes:
    """Make one call and return its serialized response.

    Raises:
        grpc.RpcError: The call failed.
    """
    with grpc.insecure_channel(address) as channel:
        # Without serializers, messages are bytes.
        call: Callable[..., bytes] = channel.unary_unary(method)
        return call(request, timeout=TIMEOUT_SECONDS)
