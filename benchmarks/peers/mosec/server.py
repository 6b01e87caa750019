"""The shipped network behind mosec: bytes in, bytes out, dynamic batching.

One worker, as the network takes both cores; a wait of 1 ms is the least that mosec knows.
"""

import os
from typing import Any

import numpy as np
from mosec import Server, Worker
from numpy.typing import NDArray

from benchmarks.peers.network import Network, pack, unpack

MAX_BATCH_REQUESTS = 32


class Digits(Worker):
    """Answers requests of one image or more."""

    def __init__(self) -> None:
        """Load the network."""
        super().__init__()
        self.network = Network()

    def deserialize(self, data: bytes) -> NDArray[np.uint8]:
        """Take raw bytes, in place of JSON."""
        return unpack(data)

    def forward(self, data: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Answer the requests of a batch at once."""
        probs = self.network.predict(np.concatenate(data))
        ends = np.cumsum([len(images) for images in data])[:-1]
        return np.split(probs, ends)

    def serialize(self, data: Any) -> bytes:
        """Answer with raw bytes."""
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
