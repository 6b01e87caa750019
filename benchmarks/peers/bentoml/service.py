"""The shipped network behind BentoML: JSON with base64, adaptive batching.

Base64 in JSON is faster for it than an array of 784 numbers. One worker, because the network uses
both cores. Its batcher adapts its delay by itself; ``max_latency_ms`` is only the limit above which
it rejects requests.
"""

import base64

import bentoml
import numpy as np

from benchmarks.peers.network import Network, unpack

MAX_BATCH_IMAGES = 256
MAX_LATENCY_MS = 10_000


@bentoml.service(
    workers=1,
    traffic={"timeout": 30, "max_concurrency": 1024},
    logging={"access": {"enabled": False}},
)
class Digits:
    """Serves requests of one or more images."""

    def __init__(self) -> None:
        """Load the network."""
        self.network = Network()

    @bentoml.api(
        batchable=True,
        batch_dim=0,
        max_batch_size=MAX_BATCH_IMAGES,
        max_latency_ms=MAX_LATENCY_MS,
    )
    def predict(self, images: list[str]) -> np.ndarray:
        """Return probabilities for images, each the base64 of its raw pixels."""
        return self.network.predict(unpack(b"".join(map(base64.b64decode, images))))
