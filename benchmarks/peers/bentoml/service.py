"""The shipped network behind BentoML: JSON with base64, adaptive batching.

Base64 in JSON is faster for it than an array of 784 numbers. One worker, as the network takes
both cores. Its batcher learns by itself how long to wait; ``max_latency_ms`` is only where it
begins to refuse.
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
    """Answers requests of one image or more."""

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
        """Return probabilities for base64 of raw pixels, an image each."""
        return self.network.predict(unpack(b"".join(map(base64.b64decode, images))))
