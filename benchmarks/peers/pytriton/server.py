"""The shipped network behind Triton, through PyTriton: its gRPC, dynamic batching.

No queue delay, which is Triton's default: a batch holds what arrived during the previous one.
"""

import os
import socket
import sysconfig

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.network import CLASS_COUNT, SIDE, Network

MAX_BATCH_IMAGES = 256


def free_port() -> int:
    """Return a free port for HTTP, which Triton requires and nobody uses here."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


if __name__ == "__main__":
    # Triton's backend embeds Python and must find the library of this interpreter.
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(
        filter(None, (sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH")))
    )
    network = Network()

    @batch
    def predict(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Predict all requests of a batch together."""
        return {"probabilities": network.predict(images)}

    config = TritonConfig(
        grpc_address="127.0.0.1",
        grpc_port=int(os.environ["PORT"]),
        http_address="127.0.0.1",
        http_port=free_port(),
        allow_metrics=False,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="digits",
            infer_func=predict,
            inputs=[Tensor(name="images", dtype=np.uint8, shape=(SIDE, SIDE))],
            outputs=[Tensor(name="probabilities", dtype=np.float32, shape=(CLASS_COUNT,))],
            config=ModelConfig(
                max_batch_size=MAX_BATCH_IMAGES,
                batcher=DynamicBatcher(max_queue_delay_microseconds=0),
            ),
        )
        triton.serve()
