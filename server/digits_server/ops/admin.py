"""A plaintext port for probes and Prometheus: gRPC health and HTTP on one port.

gRPC serves ``grpc.health.v1.Health`` as on the main port; HTTP serves the pages of
``admin_pages.py``.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2_grpc

from .admin_pages import Readiness, http_pages
from .health import HealthServicer
from .metrics import Metrics
from .port_mux import LOOPBACK, multiplexed_port

# For probes, whose messages are short, and which have few calls in flight.
_GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 4096),
    ("grpc.max_concurrent_streams", 16),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 60_000),
)

GetDetails = Callable[[], dict[str, Any]]


@contextlib.asynccontextmanager
async def admin_port(
    host: str, port: int, health: HealthServicer, metrics: Metrics, get_details: GetDetails
) -> AsyncIterator[str]:
    """Serve the admin port for as long as the context lasts.

    Args:
        host: Host to listen on.
        port: Port to listen on; 0 for a free one.
        health: Health that gRPC and /readyz report.
        metrics: Metrics for /metrics.
        get_details: Returns the details of the models for /readyz; called in another thread.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not an address of this machine.
    """
    grpc_server = grpc.aio.server(options=_GRPC_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(health, grpc_server)
    grpc_port = grpc_server.add_insecure_port(f"{LOOPBACK}:0")
    await grpc_server.start()
    try:
        async with (
            http_pages(
                metrics.registry, lambda: Readiness(health.is_ready, get_details())
            ) as http_port,
            multiplexed_port(host, port, lambda: grpc_port, http_port) as address,
        ):
            yield address
    finally:
        await grpc_server.stop(0)
