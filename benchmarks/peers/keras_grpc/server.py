"""The shipped Keras network behind a plain grpcio server.

As TensorFlow recommends for inference: one traced ``tf.function`` for any batch size, called
directly. A plain server has no batching: each call is a batch. More threads would not help,
because TensorFlow already uses all cores.
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
    """Serves calls of one or more images as raw bytes, which need no parsing."""

    def __init__(self) -> None:
        """Load the network."""
        self._predict = load()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Return the handler of the one method."""
        if handler_call_details.method != "/digits/predict":
            return None
        return grpc.unary_unary_rpc_method_handler(self._predict_bytes)

    def _predict_bytes(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return pack(self._predict(tf.constant(unpack(request))).numpy())


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers((Digits(),))
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    server.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    server.stop(1).wait()
