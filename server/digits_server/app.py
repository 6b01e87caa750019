"""The composition root: creates, connects, starts and stops all parts of the server."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import cv2
import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from digits.inference.v2 import inference_pb2_grpc
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import models
from .api.auth import Authenticator, Tokens
from .api.call import ServiceLimits
from .api.inference_servicer import INFERENCE_SERVICE, InferenceServicer
from .api.methods import Methods
from .api.recognizer_servicer import RecognizerServicer
from .api.transport import bind, make_server
from .errors import ServerError
from .inference.admission import Admission, AdmissionLimits
from .inference.recognizer import Recognizer
from .ops.admin import admin_port
from .ops.health import HealthServicer
from .ops.logs import log_ready
from .ops.metrics import Metrics
from .ops.parent_process import notify_ready
from .ops.port_mux import LOOPBACK
from .ops.shutdown import install_shutdown_handlers
from .preprocessing.decode import ImageLimits
from .settings import SHIPPED_MODELS, Settings

if TYPE_CHECKING:
    from .ops.telemetry import Telemetry

logger = logging.getLogger(__name__)

SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name
SERVICES: Final = (SERVICE, INFERENCE_SERVICE)


class Server:
    """A running server: its addresses, and how to replace its model and stop it."""

    def __init__(
        self,
        server: grpc.aio.Server,
        address: str,
        health: HealthServicer,
        metrics: Metrics,
        recognizer: Recognizer,
    ) -> None:
        self.address = address
        """``host:port`` as bound: for ``--port 0``, the port that was free."""
        self.admin_address: str | None = None
        """``host:port`` of the admin port, if there is one."""
        self._server = server
        self._health = health
        self._metrics = metrics
        self._recognizer = recognizer
        self._rejected: dict[str, str] = {}
        self.update_models(None, {})

    def update_models(self, model: models.LoadedModel | None, rejected: dict[str, str]) -> None:
        """Replace the served model, and report which versions were rejected.

        Args:
            model: Serves the requests that arrive from now on; None keeps the current model.
            rejected: The rejected versions, each with the reason.
        """
        if model is not None:
            self._recognizer.model = model
        version = self._recognizer.manifest.version
        self._rejected = rejected
        self._metrics.model_version.set(int(version))
        self._metrics.model_precision.labels(self._recognizer.model.precision).set(1)
        self._health.set_models(version, rejected)

    def model_details(self) -> dict[str, Any]:
        """Return what the admin port reports about the models."""
        return {
            "model_version": self._recognizer.manifest.version,
            "rejected_versions": self._rejected,
        }

    def set_ready(self, *, is_ready: bool) -> None:
        """Report whether the server is ready for calls."""
        self._health.set_ready(is_ready=is_ready)
        self._metrics.ready.set(is_ready)

    async def drain(self, drain_seconds: float, grace_seconds: float) -> None:
        """Report NOT_SERVING, wait, refuse new calls, and let those in flight finish.

        Args:
            drain_seconds: Time for load balancers to notice before calls are refused.
            grace_seconds: Time for calls in flight to finish before they are cancelled.
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
    """Run a server until the context exits, which stops it without draining.

    Args:
        settings: All settings.
        model: The first model to serve.
        metrics: The server's metrics.
        is_worker: Whether this is one of several workers on a port that their supervisor has
            claimed. The admin port is then on loopback, for the supervisor only.

    Raises:
        BindError: An address is in use or not local.
        CredentialsError: The TLS files or the token file are invalid.
    """
    # OpenCV's own threads would double the CPU time of a small image, make none faster, and
    # exceed ``--threads``.
    cv2.setNumThreads(1)
    limits = ServiceLimits(
        ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        settings.max_batch_images,
        settings.max_message_bytes,
    )
    admission = _admission(settings, metrics)
    threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="images")
    recognizer = Recognizer(model, threads, admission, metrics, limits.image)
    health = HealthServicer(SERVICES)
    telemetry = _telemetry(settings, metrics)
    methods = Methods(
        metrics,
        admission,
        _authenticator(settings, metrics),
        None if telemetry is None else telemetry.wrap,
    )
    _add_services(methods, recognizer, admission, limits, health)
    grpc_server = make_server(settings, methods, shares_port=is_worker)
    server = Server(grpc_server, bind(grpc_server, settings), health, metrics, recognizer)
    async with contextlib.AsyncExitStack() as stack:  # stops the parts in reverse order
        if settings.admin_port is not None:
            admin_host = LOOPBACK if is_worker else settings.host
            server.admin_address = await stack.enter_async_context(
                admin_port(admin_host, settings.admin_port, health, metrics, server.model_details)
            )
        if telemetry is not None:
            stack.push_async_callback(telemetry.shutdown)
        # A chunk of images takes milliseconds, which must not block the event loop.
        stack.push_async_callback(asyncio.to_thread, threads.shutdown, cancel_futures=True)
        stack.callback(recognizer.stop)
        await grpc_server.start()
        stack.push_async_callback(grpc_server.stop, 0)
        stack.callback(health.end)
        server.set_ready(is_ready=True)
        yield server


def _admission(settings: Settings, metrics: Metrics) -> Admission:
    limits = AdmissionLimits(
        settings.max_queue_images,
        settings.max_queue_bytes,
        settings.max_streams,
        settings.max_wait_seconds,
    )
    return Admission(limits, metrics)


def _telemetry(settings: Settings, metrics: Metrics) -> "Telemetry | None":
    if settings.telemetry == "none":
        return None
    # An optional extra that is slow to import.
    from .ops.telemetry import start

    return start(SERVICES, metrics.registry)


def _authenticator(settings: Settings, metrics: Metrics) -> Authenticator | None:
    if settings.tokens_file is None:
        return None
    return Authenticator(Tokens(settings.tokens_file), {HEALTH_SERVICE}, metrics)


def _add_services(
    methods: Methods,
    recognizer: Recognizer,
    admission: Admission,
    limits: ServiceLimits,
    health: HealthServicer,
) -> None:
    server: Any = methods  # generated code expects a server
    pb_grpc.add_RecognizerServiceServicer_to_server(
        RecognizerServicer(recognizer, admission, limits), server
    )
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(
        InferenceServicer(recognizer, limits.max_batch_images, lambda: health.is_ready), server
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(
        reflection.aio.ReflectionServicer((*SERVICES, HEALTH_SERVICE, reflection.SERVICE_NAME)),
        server,
    )


def run_server(settings: Settings, *, has_parent: bool = False, is_worker: bool = False) -> int:
    """Run a server in this process until SIGTERM or SIGINT, then drain it.

    A second signal ends the process at once. SIGHUP checks for new models.

    Args:
        settings: All settings.
        has_parent: Whether another process started the server. The server then notifies it
            when ready, and also drains at the end of standard input.
        is_worker: Whether the parent is the supervisor of several workers, which shares the
            port among them and logs that the server is ready.

    Returns:
        The exit status: 0, or 1 if the server could not start, with the reason on standard error.
    """
    try:
        asyncio.run(_serve(settings, has_parent=has_parent, is_worker=is_worker))
    except ServerError as error:
        print(f"digits-server: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 1
    return 0


async def _first_model(
    watcher: models.ModelWatcher, stopping: asyncio.Event
) -> models.LoadedModel | None:
    """Return the first model to serve; None if the server is asked to stop before."""
    loading = asyncio.create_task(watcher.load_first())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait((loading, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not loading.done():
        loading.cancel()
        return None
    return loading.result()


async def _serve(settings: Settings, *, has_parent: bool, is_worker: bool) -> None:
    stopping, reloading = asyncio.Event(), asyncio.Event()
    install_shutdown_handlers(stopping, until_stdin_ends=has_parent)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloading.set)
    metrics = Metrics()
    watcher = models.ModelWatcher(
        settings.models_dir,
        settings.model_version,
        settings.threads,
        metrics,
        settings.precision,
        # The shipped model is as trusted as the program, whose start it would delay by 0.3 s.
        uses_sandbox=settings.models_dir != SHIPPED_MODELS,
    )
    model = await _first_model(watcher, stopping)
    if model is None:
        return
    async with running(settings, model, metrics, is_worker=is_worker) as server:

        def update_models(better: models.LoadedModel | None) -> None:
            server.update_models(better, watcher.rejected)

        update_models(None)
        watching = asyncio.create_task(
            watcher.watch(settings.poll_seconds, reloading, update_models)
        )
        if not is_worker:
            log_ready(settings, server.address, server.admin_address)
        if has_parent:
            notify_ready(server.address, server.admin_address)
        await stopping.wait()
        logger.info("stopping")
        watching.cancel()
        await server.drain(settings.drain_seconds, settings.grace_seconds)
    logger.info("stopped")
