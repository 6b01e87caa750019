"""The standard gRPC health service.

It adds what the one of grpcio-health-checking lacks: List, liveness, and a way to end Watch.

Specification: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

LIVENESS: Final = "liveness"
"""This name is always SERVING: checking it shows only that the process responds."""
READINESS: Final = "readiness"
"""This name is SERVING while the server accepts calls, as are "" and the services' names."""
_MODEL_PREFIX: Final = "model/"

Status: TypeAlias = "health_pb2.HealthCheckResponse.ServingStatus"
Context = grpc.aio.ServicerContext[Any, Any]


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # untyped
    """``grpc.health.v1.Health``: Check, Watch and List.

    Not thread-safe: call it from the event loop only.
    """

    def __init__(self, services: Iterable[str]) -> None:
        """Create a servicer that is not ready.

        Args:
            services: Full names of the services whose health it reports.
        """
        self._names = ("", READINESS, *services)
        self._statuses: dict[str, Status] = {LIVENESS: health_pb2.HealthCheckResponse.SERVING}
        self._changed = asyncio.Event()
        self._has_ended = False
        self.set_ready(is_ready=False)

    @property
    def is_ready(self) -> bool:
        """Whether the server accepts calls."""
        return bool(self._statuses[""] == health_pb2.HealthCheckResponse.SERVING)

    def set_ready(self, *, is_ready: bool) -> None:
        """Report SERVING or NOT_SERVING for readiness and the services."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if is_ready
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        self._statuses |= dict.fromkeys(self._names, status)
        self._notify_watchers()

    def set_models(self, served: str, rejected: Iterable[str]) -> None:
        """Report ``model/<version>``: SERVING if it is served, NOT_SERVING if it is rejected."""
        names = {name for name in self._statuses if name.startswith(_MODEL_PREFIX)}
        for name in names:
            del self._statuses[name]
        for version in rejected:
            self._statuses[_MODEL_PREFIX + version] = health_pb2.HealthCheckResponse.NOT_SERVING
        self._statuses[_MODEL_PREFIX + served] = health_pb2.HealthCheckResponse.SERVING
        self._notify_watchers()

    def end(self) -> None:
        """End all Watch calls, which would otherwise delay the server's shutdown."""
        self._has_ended = True
        self._notify_watchers()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Return the status of a name."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(  # noqa: N802
        self, request: health_pb2.HealthListRequest, context: Context
    ) -> health_pb2.HealthListResponse:
        """Return the status of every name."""
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._statuses.items()
            }
        )

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Send the status of a name, now and whenever it changes."""
        sent = None
        while True:
            changed = self._changed
            status = self._statuses.get(
                request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            )
            if status != sent:
                yield health_pb2.HealthCheckResponse(status=status)
                sent = status
                continue  # the status may have changed meanwhile
            if self._has_ended:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server is stopping")
            await changed.wait()

    def _notify_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
