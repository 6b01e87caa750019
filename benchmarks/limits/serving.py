"""Servers to measure, with a no-op method as the baseline of a call.

    python -m benchmarks.limits.serving digits [FLAGS OF digits-server]
    python -m benchmarks.limits.serving bare

``digits`` is the server as it ships, plus the no-op method. ``bare`` is grpcio's asyncio server
with the no-op method and nothing else: no metrics and no limits.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Any, Final

import grpc

from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server import cli
from digits_server.ops.parent_process import ParentProcess
from scripts.server_process import ServerProcess, server_process

NO_OP_SERVICE: Final = "digits.benchmarks.NoOp"
NO_OP: Final = f"/{NO_OP_SERVICE}/NoOp"
RECOGNIZE: Final = "/digits.v1.RecognizerService/Recognize"
RECOGNIZE_BATCH: Final = "/digits.v1.RecognizerService/RecognizeBatch"
MODEL_INFER: Final = "/inference.GRPCInferenceService/ModelInfer"
# The benchmarks measure work, not rejected calls.
UNLIMITED: Final = ("--max-wait-seconds", "60", "--max-queue-images", "1000000")


@contextlib.contextmanager
def unlimited_server(*flags: str, has_no_op: bool = True) -> Iterator[ServerProcess]:
    """Run digits-server without admission limits, by default with the no-op method."""
    module = ("benchmarks.limits.serving", "digits") if has_no_op else ("digits_server",)
    with server_process(*UNLIMITED, *flags, module=module) as server:
        yield server


@contextlib.contextmanager
def bare_server() -> Iterator[ServerProcess]:
    """Run grpcio's asyncio server with the no-op method only."""
    with server_process(module=("benchmarks.limits.serving", "bare")) as server:
        yield server


async def _no_op(request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
    return b""


def _add_no_op(server: Any) -> None:
    """Add the method in both ways, as generated code does."""
    handlers: Any = {"NoOp": grpc.unary_unary_rpc_method_handler(_no_op)}
    handler = grpc.method_handlers_generic_handler(NO_OP_SERVICE, handlers)
    server.add_generic_rpc_handlers((handler,))
    server.add_registered_method_handlers(NO_OP_SERVICE, handlers)


def _serve_digits(flags: list[str]) -> int:
    add_recognizer = pb_grpc.add_RecognizerServiceServicer_to_server

    def add_recognizer_and_no_op(servicer: Any, server: Any) -> None:
        add_recognizer(servicer, server)
        _add_no_op(server)

    # So that the no-op method is called, counted and timed like those of the server.
    pb_grpc.add_RecognizerServiceServicer_to_server = add_recognizer_and_no_op
    return cli.main(flags)


async def _serve_bare() -> None:
    server = grpc.aio.server()
    _add_no_op(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ParentProcess().notify_ready(f"127.0.0.1:{port}", None)
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        asyncio.run(_serve_bare())
    sys.exit(_serve_digits(sys.argv[2:]))
