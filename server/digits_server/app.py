"""The composition root: every part is made, joined, started and ended here."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import cv2
import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_reflection.v1alpha import reflection

from digits.inference.v2 import inference_pb2_grpc
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import models
from .api.auth import TokenInterceptor, Tokens
from .api.inference_servicer import INFERENCE_SERVICE, InferenceServicer
from .api.interceptors import CallInterceptor
from .api.recognizer_servicer import RecognizerServicer, ServiceLimits
from .api.transport import bind, make_server
from .errors import ServerError
from .inference.admission import Admission, AdmissionLimits
from .inference.batcher import Batcher
from .inference.recognizer import Recognizer
from .inference.threads import image_threads
from .models.postprocess import Prediction
from .ops.admin import admin_port
from .ops.health import HealthServicer
from .ops.logs import log_ready
from .ops.metrics import Metrics
from .ops.parent_process import notify_ready
from .ops.port_mux import LOOPBACK
from .ops.shutdown import install_shutdown_handlers
from .preprocessing.decode import ImageLimits
from .settings import Settings

if TYPE_CHECKING:
    from .ops.telemetry import Telemetry

logger = logging.getLogger(__name__)

SERVICE: str = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name
SERVICES = (SERVICE, INFERENCE_SERVICE)


class Server:
    """A running server: its addresses, and the ways to change its model and to end it."""

    def __init__(
        self,
        server: grpc.aio.Server,
        health: HealthServicer,
        metrics: Metrics,
        recognizer: Recognizer,
    ) -> None:
        self.address = ""
        """``host:port`` as bound: with ``--port 0`` the port that was free."""
        self.admin_address: str | None = None
        """That of the admin port, if there is one."""
        self._server = server
        self._health = health
        self._metrics = metrics
        self._recognizer = recognizer
        self._rejected: dict[str, str] = {}
        self.show_models(None, {})

    def show_models(self, model: models.LoadedModel | None, rejected: dict[str, str]) -> None:
        """Answer what comes from now on by another model, and tell which cannot be served.

        Args:
            model: None for the one that is served already.
            rejected: Versions, each with the reason.
        """
        if model is not None:
            self._recognizer.model = model
        version = self._recognizer.manifest.version
        self._rejected = rejected
        self._metrics.model_version.set(int(version))
        self._health.set_models(version, rejected)

    def details(self) -> dict[str, Any]:
        """Return what the admin port tells of the models."""
        return {
            "model_version": self._recognizer.manifest.version,
            "rejected_versions": self._rejected,
        }

    def set_ready(self, *, is_ready: bool) -> None:
        """Say whether calls are welcome."""
        self._health.set_ready(is_ready=is_ready)
        self._metrics.ready.set(is_ready)

    async def drain(self, drain_seconds: float, grace_seconds: float) -> None:
        """Report NOT_SERVING, wait, refuse new calls, and let those in flight finish.

        Args:
            drain_seconds: For balancers to notice before calls are refused.
            grace_seconds: Afterwards, what still runs is cancelled.
        """
        self.set_ready(is_ready=False)
        await asyncio.sleep(drain_seconds)
        self._health.end()
        await self._server.stop(grace_seconds)


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    model: models.LoadedModel,
    metrics: Metrics,
    *,
    is_worker: bool = False,
) -> AsyncIterator[Server]:
    """Serve a loaded model for as long as the context lasts; leaving it ends at once.

    Args:
        settings: All of them.
        model: To begin with.
        metrics: To count by.
        is_worker: Whether it is one of several that share the port, which their supervisor has
            claimed; the admin port is then for the supervisor alone.

    Raises:
        BindError: An address is in use or not ours.
        CredentialsError: A certificate or the file of tokens is no good.
        TransportError: The transport that is asked for is not installed.
    """
    room = AdmissionLimits(
        settings.max_queue_images,
        settings.max_queue_bytes,
        settings.max_streams,
        settings.max_wait_seconds,
    )
    admission = Admission(room, metrics)
    batcher: Batcher[models.ImageOrFrame, Prediction] = Batcher(metrics)
    # An image is one thread's: OpenCV's own would double the time that a small one takes of the
    # cores, make none faster, and be more threads than were asked for.
    cv2.setNumThreads(1)
    decoding = image_threads(settings.threads, "decode")
    recognizer = Recognizer(model, batcher, decoding, admission, metrics)
    limits = ServiceLimits(
        ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        settings.max_batch_images,
        settings.max_message_bytes,
    )
    health = HealthServicer(SERVICES)
    interceptors: list[grpc.aio.ServerInterceptor] = []
    telemetry = _telemetry(settings, metrics)
    if telemetry is not None:
        interceptors.append(telemetry.interceptor)
    if settings.tokens_file is not None:
        interceptors.append(
            TokenInterceptor(Tokens(settings.tokens_file), {HEALTH_SERVICE}, metrics)
        )
    interceptors.append(
        CallInterceptor(metrics, admission, is_native=settings.transport == "native")
    )
    grpc_server = make_server(settings, interceptors, shares_port=is_worker)
    pb_grpc.add_RecognizerServiceServicer_to_server(
        RecognizerServicer(recognizer, admission, limits), grpc_server
    )
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
        InferenceServicer(recognizer, limits, lambda: health.is_ready), grpc_server
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, grpc_server)
    reflection.enable_server_reflection(
        (*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME), grpc_server
    )
    server = Server(grpc_server, health, metrics, recognizer)
    server.address = bind(grpc_server, settings)
    async with contextlib.AsyncExitStack() as parts:
        if settings.admin_port is not None:
            admin_host = LOOPBACK if is_worker else settings.host
            server.admin_address = await parts.enter_async_context(
                admin_port(admin_host, settings.admin_port, health, metrics, server.details)
            )
        if telemetry is not None:
            parts.push_async_callback(telemetry.shutdown)
        batcher.start()
        parts.callback(decoding.shutdown, wait=False, cancel_futures=True)
        parts.push_async_callback(batcher.stop)
        await grpc_server.start()
        parts.push_async_callback(grpc_server.stop, 0)
        parts.callback(health.end)
        server.set_ready(is_ready=True)
        yield server


def _telemetry(settings: Settings, metrics: Metrics) -> "Telemetry | None":
    if settings.telemetry == "none":
        return None
    # It is an extra, and takes its time to load.
    from .ops.telemetry import start

    return start(SERVICES, metrics.registry)


def run_server(settings: Settings, *, has_parent: bool = False, is_worker: bool = False) -> int:
    """Serve in this process until SIGTERM or SIGINT, then drain.

    A second signal ends the process at once. SIGHUP looks for new models at once.

    Args:
        settings: All settings.
        has_parent: Whether the server belongs to another process: it then reports there when
            it is ready, and also drains when standard input ends.
        is_worker: Whether the parent is the supervisor, which shares the port among workers
            and logs in place of them.

    Returns:
        The exit status: 0, or 1 if the server could not start, which is printed.
    """
    try:
        asyncio.run(_serve(settings, has_parent=has_parent, is_worker=is_worker))
    except ServerError as error:
        print(f"digits-server: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 1
    return 0


async def _serve(settings: Settings, *, has_parent: bool, is_worker: bool) -> None:
    stopping, reloading = asyncio.Event(), asyncio.Event()
    install_shutdown_handlers(stopping, until_stdin_ends=has_parent)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloading.set)
    metrics = Metrics()
    watcher = models.ModelWatcher(
        settings.models_dir, settings.model_version, settings.threads, metrics
    )
    model = await watcher.load_first()
    async with running(settings, model, metrics, is_worker=is_worker) as server:

        def show(better: models.LoadedModel | None) -> None:
            server.show_models(better, watcher.rejected)

        show(None)
        following = asyncio.create_task(watcher.watch(settings.poll_seconds, reloading, show))
        if not is_worker:
            log_ready(settings, server.address, server.admin_address)
        if has_parent:
            notify_ready(server.address, server.admin_address)
        await stopping.wait()
        logger.info("stopping")
        following.cancel()
        await server.drain(settings.drain_seconds, settings.grace_seconds)
    logger.info("stopped")
