"""The shipped Keras network behind a plain grpcio server.

As TensorFlow advises for inference: one traced ``tf.function`` for any batch size, called
directly. A plain server has no batching: each call is its own batch. Its threads are as many
as calls that TensorFlow can use the cores for.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import signal
from concurrent.futures import ThreadPoolExecutor

import grpc
import tensorflow as tf

from benchmarks.peers.keras_network import load
from benchmarks.peers.network import pack, unpack

THREADS = 4


class Digits(grpc.GenericRpcHandler):
    """Answers calls of one image or more, as bytes: nothing is lost to parsing messages."""

    def __init__(self) -> None:
        """Load the network."""
        self._predict = load()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Know one method."""
        if handler_call_details.method != "/digits/predict":
            return None
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return pack(self._predict(tf.constant(unpack(request))).numpy())


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers((Digits(),))
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(1).wait()
