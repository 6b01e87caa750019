"""Servers as processes, with a method that does nothing beside those that are measured.

    python -m benchmarks.limits.serving ours [FLAGS OF digits-server]
    python -m benchmarks.limits.serving bare

``ours`` is the server as it ships, with one method more. ``bare`` is grpcio's server with
that method and nothing else: no interceptor, no limits.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import grpc
import psutil

from digits_server import app, cli
from digits_server.api import transport

NOTHING_SERVICE: Final = "digits.benchmarks.NoOp"
NOTHING: Final = f"/{NOTHING_SERVICE}/Nothing"
RECOGNIZE: Final = "/digits.v1.RecognizerService/Recognize"
RECOGNIZE_BATCH: Final = "/digits.v1.RecognizerService/RecognizeBatch"
# What is measured is work, and not what is turned away.
UNLIMITED: Final = ("--max-wait-seconds", "60", "--max-queue-images", "1000000")


class Served(NamedTuple):
    """A server that is ready."""

    address: str
    process: psutil.Process
    ready_seconds: float
    """From the start of the process until it said that it is ready."""


@contextlib.contextmanager
def ours(*flags: str, has_nothing: bool = True) -> Iterator[Served]:
    """Run the server, with the method that does nothing unless that is not wanted."""
    module = ("benchmarks.limits.serving", "ours") if has_nothing else ("digits_server",)
    with started([*module, "--port", "0", "--until-stdin-ends", *UNLIMITED, *flags]) as served:
        yield served


@contextlib.contextmanager
def bare() -> Iterator[Served]:
    """Run grpcio's own server with a method that does nothing."""
    with started(["benchmarks.limits.serving", "bare"]) as served:
        yield served


@contextlib.contextmanager
def started(module: Sequence[str]) -> Iterator[Served]:
    """Run a module that says ``ready on ADDRESS`` until the context ends."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *module], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = []
            for line in process.stderr or ():
                said.append(line)
                if found := re.search(r"ready on (\S+)$", line):
                    seconds = time.perf_counter() - began
                    yield Served(found[1], psutil.Process(process.pid), seconds)
                    return
            raise RuntimeError("the server did not start:\n" + "".join(said))
        finally:
            process.terminate()


async def _nothing(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    return b""


def _add_nothing(server: grpc.aio.Server) -> None:
    handlers: Any = {"Nothing": grpc.unary_unary_rpc_method_handler(_nothing)}
    # Both, as generated code does. By generic handlers alone the native transport would hand
    # the method to grpcio behind it, and the comparison would be of two different ways.
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(NOTHING_SERVICE, handlers),)
    )
    server.add_registered_method_handlers(NOTHING_SERVICE, handlers)


def _serve_ours(flags: list[str]) -> int:
    make = transport.make_server

    def make_with_nothing(*args: Any, **kwargs: Any) -> grpc.aio.Server:
        server = make(*args, **kwargs)
        _add_nothing(server)
        return server

    # Where the composition root finds it.
    app.make_server = make_with_nothing  # type: ignore[attr-defined]
    return cli.main(flags)


async def _serve_bare() -> None:
    server = grpc.aio.server()
    _add_nothing(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready on 127.0.0.1:{port}", file=sys.stderr, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        asyncio.run(_serve_bare())
    sys.exit(_serve_ours(sys.argv[2:]))
