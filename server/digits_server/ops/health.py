"""The standard health service, with what the library's lacks: List, liveness, an end to Watch.

Contract: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeAlias

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

LIVENESS: Final = "liveness"
"""SERVING from the first moment to the last: asks whether the process answers at all."""
READINESS: Final = "readiness"
"""SERVING while calls are welcome; the empty name and each service's say the same."""
_MODEL_PREFIX: Final = "model/"

Status: TypeAlias = "health_pb2.HealthCheckResponse.ServingStatus"
Context = grpc.aio.ServicerContext[Any, Any]


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # untyped
    """``grpc.health.v1.Health``: Check, Watch and List. Belongs to the event loop."""

    def __init__(self, names: Iterable[str]) -> None:
        """Know these names, which say NOT_SERVING for now, and the two of probes."""
        self._names = ("", READINESS, *names)
        self._statuses: dict[str, Status] = {LIVENESS: health_pb2.HealthCheckResponse.SERVING}
        self._changed = asyncio.Event()
        self._has_ended = False
        self.set_ready(is_ready=False)

    @property
    def is_ready(self) -> bool:
        """Whether calls are welcome."""
        return bool(self._statuses[""] == health_pb2.HealthCheckResponse.SERVING)

    def set_ready(self, *, is_ready: bool) -> None:
        """Say SERVING or NOT_SERVING under all names but that of liveness."""
        status = (
            health_pb2.HealthCheckResponse.SERVING
            if is_ready
            else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        self._statuses |= dict.fromkeys(self._names, status)
        self._tell()

    def set_models(self, served: str, rejected: Iterable[str]) -> None:
        """Say SERVING as ``model/<version>`` for one version and NOT_SERVING for others."""
        names = {name for name in self._statuses if name.startswith(_MODEL_PREFIX)}
        for name in names:
            del self._statuses[name]
        for version in rejected:
            self._statuses[_MODEL_PREFIX + version] = health_pb2.HealthCheckResponse.NOT_SERVING
        self._statuses[_MODEL_PREFIX + served] = health_pb2.HealthCheckResponse.SERVING
        self._tell()

    def end(self) -> None:
        """End all watching, which would otherwise hold up the server's own end."""
        self._has_ended = True
        self._tell()

    async def Check(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Tell the status of a name."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name is here")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(  # noqa: N802
        self, request: health_pb2.HealthListRequest, context: Context
    ) -> health_pb2.HealthListResponse:
        """Tell the status of every name."""
        return health_pb2.HealthListResponse(
            statuses={
                name: health_pb2.HealthCheckResponse(status=status)
                for name, status in self._statuses.items()
            }
        )

    async def Watch(  # noqa: N802
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """Tell the status of a name, now and whenever it changes."""
        told = None
        while True:
            changed = self._changed
            status = self._statuses.get(
                request.service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
            )
            if status != told:
                yield health_pb2.HealthCheckResponse(status=status)
                told = status
                continue  # it may have changed while that was being sent
            if self._has_ended:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server is stopping")
            await changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
