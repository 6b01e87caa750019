"""The composition root: creates, connects, starts and stops all parts of the server."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import cv2
import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE

from digits.credential_files import CredentialsError
from digits.inference.v2 import inference_pb2_grpc
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import models
from .api.auth import Authenticator
from .api.call import ServiceLimits
from .api.credentials import Credentials
from .api.inference_servicer import INFERENCE_SERVICE, InferenceServicer
from .api.message_reader import MessageReader
from .api.methods import Methods
from .api.open_calls import OpenCalls
from .api.recognizer_servicer import RecognizerServicer
from .api.reflection import add_reflection
from .api.transport import bind, make_server
from .decoders import DecoderPool
from .errors import ServerError
from .inference.admission import Admission, AdmissionLimits
from .inference.recognizer import Recognizer
from .ops.admin import admin_port
from .ops.health import OPEN_METHODS, HealthServicer
from .ops.listening import remove_own_socket
from .ops.logs import log_ready, report_failure
from .ops.metrics import Metrics
from .ops.parent_process import ParentProcess
from .ops.port_mux import LOOPBACK
from .ops.shutdown import handle_signals, longest_shutdown_seconds
from .preprocessing.decode import ImageLimits
from .settings import SHIPPED_MODELS, Settings

if TYPE_CHECKING:
    from .ops.telemetry import Telemetry

logger = logging.getLogger(__name__)

SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name
SERVICES: Final = (SERVICE, INFERENCE_SERVICE)

# While the server drains, this long without an open call means that none will follow: a call that
# gRPC has handed on is open within a few turns of the event loop.
_IDLE_CHECK_SECONDS: Final = 0.25
_IDLE_CHECKS: Final = 2


class Server:
    """A running server: its addresses, and how to replace its model and stop it."""

    def __init__(
        self,
        server: grpc.aio.Server,
        address: str,
        health: HealthServicer,
        metrics: Metrics,
        recognizer: Recognizer,
        open_calls: OpenCalls,
        reader: MessageReader,
    ) -> None:
        self.address = address
        """``host:port`` as bound: for ``--port 0``, the port that was free."""
        self.admin_address: str | None = None
        """``host:port`` of the admin port, if there is one."""
        self._server = server
        self._health = health
        self._metrics = metrics
        self._recognizer = recognizer
        self._open_calls = open_calls
        self._reader = reader
        self._rejected: dict[str, str] = {}
        self.update_models(None, {})

    def loading_model(self) -> AbstractContextManager[None]:
        """Return a context in which a model is loaded, whose memory is not that of messages."""
        return self._reader.rest_changing()

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

        Streams that wait for their caller end with UNAVAILABLE.

        Args:
            drain_seconds: Time for load balancers to notice before calls are refused.
            grace_seconds: Time for calls in flight to finish before they are cancelled.
        """
        self.set_ready(is_ready=False)
        logger.info(_stopping(self._open_calls.count, drain_seconds, grace_seconds))
        await asyncio.sleep(drain_seconds)
        stopping = asyncio.create_task(self._server.stop(grace_seconds))
        await asyncio.sleep(0)  # now calls are refused, so a stream that ends comes back elsewhere
        self._health.end()
        self._open_calls.end_streams()
        # gRPC also waits for calls that no handler will ever see: a call that arrives in the same
        # moment is queued after the queue was cleared. Nor does a connection close whose client
        # does not respond. Neither may hold back callers, who can go elsewhere.
        idle_count = 0
        while not stopping.done() and idle_count < _IDLE_CHECKS:
            await asyncio.wait({stopping}, timeout=_IDLE_CHECK_SECONDS)
            idle_count = 0 if self._open_calls.count else idle_count + 1
        if not stopping.done():
            logger.info("closing connections without an open call")
            await self._server.stop(0)
        await stopping


def _stopping(call_count: int, drain_seconds: float, grace_seconds: float) -> str:
    """Return the log message of a server that stops: what it waits for, and for how long."""
    message = "stopping"
    if drain_seconds:
        message += f"; new calls are accepted for {drain_seconds:g} s"
    if call_count:
        calls = "1 call" if call_count == 1 else f"{call_count} calls"
        message += f"; {calls} in flight may take up to {drain_seconds + grace_seconds:g} s"
    return message


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
        ServerError: A decoding process cannot be started.
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
    decoders = DecoderPool(settings.threads, limits.image, settings.max_decode_bytes, metrics)
    recognizer = Recognizer(model, threads, admission, metrics, limits.image, decoders)
    health = HealthServicer(SERVICES)
    telemetry = _telemetry(settings, metrics)
    credentials = await Credentials.load(settings, metrics)
    reader = MessageReader(settings.max_queue_bytes, metrics)
    methods = Methods(
        metrics,
        admission,
        reader,
        _authenticator(credentials, metrics),
        None if telemetry is None else telemetry.wrap,
    )
    _add_services(methods, recognizer, admission, limits, health)
    grpc_server = make_server(settings, methods, shares_port=is_worker)
    address = bind(grpc_server, settings, credentials.certificate)
    server = Server(grpc_server, address, health, metrics, recognizer, methods.open_calls, reader)
    async with contextlib.AsyncExitStack() as stack:  # stops the parts in reverse order
        if settings.unix_path is not None:
            stack.callback(remove_own_socket, settings.unix_path, settings.unix_path.stat())
        stack.enter_context(credentials.reloading())
        if settings.admin_port is not None:
            admin_host = LOOPBACK if is_worker or settings.unix_path else settings.host
            server.admin_address = await stack.enter_async_context(
                admin_port(admin_host, settings.admin_port, health, metrics, server.model_details)
            )
        if telemetry is not None:
            stack.push_async_callback(telemetry.shutdown)
        # A chunk of images takes milliseconds, which must not block the event loop.
        stack.push_async_callback(asyncio.to_thread, threads.shutdown, cancel_futures=True)
        stack.callback(recognizer.stop)
        stack.push_async_callback(decoders.stop)
        await decoders.start()
        await grpc_server.start()
        stack.push_async_callback(grpc_server.stop, 0)
        stack.callback(health.end)
        watching = asyncio.create_task(reader.watch())
        stack.callback(watching.cancel)
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


def _authenticator(credentials: Credentials, metrics: Metrics) -> Authenticator | None:
    if credentials.tokens is None:
        return None
    return Authenticator(credentials.tokens, OPEN_METHODS, metrics)


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
    add_reflection((*SERVICES, HEALTH_SERVICE), server)


def run_server(settings: Settings, *, has_parent: bool = False, is_worker: bool = False) -> int:
    """Run a server in this process until SIGTERM or SIGINT, then drain it.

    A second signal ends the process at once, as does the end of the time for the shutdown. SIGHUP
    checks for new models.

    Args:
        settings: All settings.
        has_parent: Whether another process started the server. The server then notifies it
            when ready, and also drains at the end of standard input.
        is_worker: Whether the parent is the supervisor of several workers, which shares the
            port among them and logs that the server is ready.

    Returns:
        The exit status: 0, or 1 if the server could not start, with the reason on standard error.
    """
    parent = ParentProcess() if has_parent else None
    try:
        asyncio.run(_serve(settings, parent, is_worker=is_worker))
    except (ServerError, CredentialsError) as error:
        report_failure(error, settings.log_format)
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


async def _serve(settings: Settings, parent: ParentProcess | None, *, is_worker: bool) -> None:
    stopping, reloading = asyncio.Event(), asyncio.Event()
    handle_signals(
        stopping,
        reloading.set,
        limit_seconds=longest_shutdown_seconds(settings),
        until_stdin_ends=parent is not None,
    )
    if parent is not None and is_worker:
        parent.send_heartbeats()
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
    # What was imported stays until the end. To look for garbage in it takes tens of milliseconds.
    gc.collect()
    gc.freeze()
    async with running(settings, model, metrics, is_worker=is_worker) as server:

        def update_models(better: models.LoadedModel | None) -> None:
            server.update_models(better, watcher.rejected)

        update_models(None)
        watching = asyncio.create_task(
            watcher.watch(settings.poll_seconds, reloading, update_models, server.loading_model)
        )
        if not is_worker:
            log_ready(settings, server.address, server.admin_address)
        if parent is not None:
            parent.notify_ready(server.address, server.admin_address)
        await stopping.wait()
        watching.cancel()
        await server.drain(settings.drain_seconds, settings.grace_seconds)
    logger.info("stopped")
