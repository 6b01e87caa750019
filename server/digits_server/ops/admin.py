"""A plaintext port for probes and Prometheus: gRPC health and HTTP behind one number.

Over gRPC it answers ``grpc.health.v1.Health`` as the main port does; over HTTP the pages of
``admin_pages.py``.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from .admin_pages import Readiness, http_pages
from .health import HealthServicer
from .metrics import Metrics
from .port_mux import LOOPBACK, switched_port

Details = Callable[[], dict[str, Any]]


@contextlib.asynccontextmanager
async def admin_port(
    host: str, port: int, health: HealthServicer, metrics: Metrics, details: Details
) -> AsyncIterator[str]:
    """Serve the port for as long as the context lasts.

    Args:
        host: To listen on.
        port: 0 takes a free one.
        health: What gRPC answers by, and /readyz.
        metrics: What /metrics shows.
        details: Makes what /readyz says of the models; called in another thread.

    Yields:
        ``host:port`` as bound.

    Raises:
        BindError: The address is in use or not ours.
    """
    grpc_server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(health, grpc_server)
    grpc_port = grpc_server.add_insecure_port(f"{LOOPBACK}:0")
    await grpc_server.start()
    try:
        async with (
            http_pages(
                metrics.registry, lambda: Readiness(health.is_ready, details())
            ) as http_port,
            switched_port(host, port, lambda: grpc_port, http_port) as address,
        ):
            yield address
    finally:
        await grpc_server.stop(0)
