"""The standard gRPC health service.

It adds what the one of grpcio-health-checking lacks: List, liveness, a way to end Watch, and a
limit on the number of Watch calls.

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
OPEN_METHODS: Final = ("/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")
"""Methods for probes, which send no token. They do not reveal the models, as List does."""
# Each takes about 25 kB. A client has at most one per connection.
_MAX_WATCHES: Final = 1024

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
        self._models: dict[str, Status] = {}
        self._watch_count = 0
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
        """List ``model/<version>``: SERVING if it is served, NOT_SERVING if it is rejected."""
        statuses = dict.fromkeys(rejected, health_pb2.HealthCheckResponse.NOT_SERVING)
        statuses[served] = health_pb2.HealthCheckResponse.SERVING
        self._models = {f"model/{version}": status for version, status in statuses.items()}

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
        """Return the status of every name and model."""
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in (self._statuses | self._models).items()
            }
        )

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Send the status of a name, now and whenever it changes."""
        if self._watch_count >= _MAX_WATCHES:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many Watch calls")
        self._watch_count += 1
        try:
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
        finally:
            self._watch_count -= 1

    def _notify_watchers(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
