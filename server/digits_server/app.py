"""The composition root: every part is made, joined, started and ended here."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import models
from .batcher import Batcher
from .engine import Engine
from .errors import ServerError
from .images import ImageLimits
from .interceptors import CallInterceptor
from .recognizer import Recognizer
from .servicer import RecognizerServicer, ServiceLimits
from .settings import Settings

logger = logging.getLogger(__name__)

SERVICE: str = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name
# The names that health is asked by; the empty one stands for the server as a whole.
HEALTH_NAMES = ("", SERVICE)


class BindError(ServerError):
    """The address cannot be listened on."""


class Server:
    """A running server: its address, and the ways to end it."""

    def __init__(
        self, server: grpc.aio.Server, health: health_aio.HealthServicer, address: str
    ) -> None:
        self.address = address
        """``host:port`` as bound: with ``--port 0`` the port that was free."""
        self._server = server
        self._health = health

    async def drain(self, drain_seconds: float, grace_seconds: float) -> None:
        """Report NOT_SERVING, wait, refuse new calls, and let those in flight finish.

        Args:
            drain_seconds: For balancers to notice before calls are refused.
            grace_seconds: Afterwards, what still runs is cancelled.
        """
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(drain_seconds)
        await self._server.stop(grace_seconds)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, manifest: models.Manifest, engine: Engine
) -> AsyncIterator[Server]:
    """Serve a loaded model for as long as the context lasts; leaving it ends at once.

    Raises:
        BindError: The address is in use or not ours.
    """
    batcher = Batcher(engine, settings.max_queue_images)
    decoding = ThreadPoolExecutor(settings.threads, thread_name_prefix="decode")
    limits = ServiceLimits(
        ImageLimits(settings.max_image_bytes, settings.max_image_pixels),
        settings.max_batch_images,
        settings.max_message_bytes,
    )
    health = health_aio.HealthServicer()
    for name in HEALTH_NAMES:  # it begins as SERVING, which nobody shall see yet
        await health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
    server = grpc.aio.server(
        interceptors=[CallInterceptor(SERVICE)],
        options=[
            ("grpc.so_reuseport", 0),  # two servers on one port is an error, not a secret
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_send_message_length", -1),
        ],
    )
    pb_grpc.add_RecognizerServiceServicer_to_server(
        RecognizerServicer(Recognizer(manifest, batcher, decoding), limits), server
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    address = _bind(server, settings.host, settings.port)
    batcher.start()
    await server.start()
    for name in HEALTH_NAMES:
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield Server(server, health, address)
    finally:
        await server.stop(0)
        await batcher.stop()
        decoding.shutdown(wait=False, cancel_futures=True)


def _bind(server: grpc.aio.Server, host: str, port: int) -> str:
    bracketed = f"[{host}]" if ":" in host else host
    try:
        bound = server.add_insecure_port(f"{bracketed}:{port}")
    except RuntimeError:
        bound = 0
    if not bound:
        raise BindError(f"cannot listen on {bracketed}:{port}: it is in use or not an address here")
    return f"{bracketed}:{bound}"


async def serve(settings: Settings, *, until_stdin_ends: bool = False) -> None:
    """Load the model, serve it, and drain when SIGTERM or SIGINT comes.

    A second signal ends the process at once.

    Args:
        settings: All of them.
        until_stdin_ends: Also drain when standard input ends, so that a server which
            belongs to another process does not outlive it.

    Raises:
        ServerError: The model cannot be served or the address not listened on.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, stopping)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), _stop_when_read_to_end, loop, stopping)
    began = time.perf_counter()
    model = models.load(settings.models_dir, settings.model_version, settings.threads)
    logger.info(
        "model %s loaded, warmed and tried in %.0f ms",
        model.manifest.version,
        (time.perf_counter() - began) * 1000,
    )
    async with running(settings, model.manifest, model.engine) as server:
        if settings.host not in ("127.0.0.1", "::1", "localhost"):
            logger.warning("no TLS, no token: whoever reaches %s may use it", server.address)
        logger.info("ready on %s", server.address)
        await stopping.wait()
        logger.info("stopping")
        await server.drain(settings.drain_seconds, settings.grace_seconds)
    logger.info("stopped")


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(1)  # asked twice: nothing is waited for, not even threads
    stopping.set()


def _stop_when_read_to_end(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stopping.set()
