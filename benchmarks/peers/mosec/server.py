"""The shipped network behind mosec: bytes in, bytes out, dynamic batching.

One worker, because the network uses both cores. The batching delay of 1 ms is mosec's minimum.
"""

import os
from typing import Any

import numpy as np
from mosec import Server, Worker
from numpy.typing import NDArray

from benchmarks.peers.network import Network, pack, unpack

MAX_BATCH_REQUESTS = 32


class Digits(Worker):
    """Serves requests of one or more images."""

    def __init__(self) -> None:
        """Load the network."""
        super().__init__()
        self.network = Network()

    def deserialize(self, data: bytes) -> NDArray[np.uint8]:
        """Decode raw bytes instead of JSON."""
        return unpack(data)

    def forward(self, data: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Predict all requests of a batch together."""
        probs = self.network.predict(np.concatenate(data))
        ends = np.cumsum([len(images) for images in data])[:-1]
        return np.split(probs, ends)

    def serialize(self, data: Any) -> bytes:
        """Encode as raw bytes."""
        return pack(data)


if __name__ == "__main__":
    os.environ.update(MOSEC_ADDRESS="127.0.0.1", MOSEC_PORT=os.environ["PORT"])
    server = Server()
    server.append_worker(
        Digits,
        num=1,
        max_batch_size=MAX_BATCH_REQUESTS,
        max_wait_time=1,
        route="/predict",
    )
    server.run()
