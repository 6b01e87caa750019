"""The shipped network behind Ray Serve: bytes in, bytes out, ``serve.batch``.

One replica, because the network uses both cores. The environment variables are those that its
performance guide recommends for throughput; with HAProxy instead of its own proxy it serves three
times as many calls.
"""

import os

# Read when Ray is imported.
os.environ.update(RAY_SERVE_THROUGHPUT_OPTIMIZED="1", RAY_SERVE_ENABLE_HA_PROXY="1")

import signal

import numpy as np
import ray
from numpy.typing import NDArray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.network import Network, pack, unpack

MAX_BATCH_REQUESTS = 32
BATCH_SECONDS = 0.001


@serve.deployment(num_replicas=1, max_ongoing_requests=1024, ray_actor_options={"num_cpus": 1})
class Digits:
    """Serves requests of one or more images."""

    def __init__(self) -> None:
        """Load the network."""
        self.network = Network()

    @serve.batch(max_batch_size=MAX_BATCH_REQUESTS, batch_wait_timeout_s=BATCH_SECONDS)
    async def predict(self, requests: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Predict all requests of a batch together."""
        probs = self.network.predict(np.concatenate(requests))
        return np.split(probs, np.cumsum([len(images) for images in requests])[:-1])

    async def __call__(self, request: Request) -> Response:
        """Return raw bytes for raw bytes."""
        probs = await self.predict(unpack(await request.body()))
        return Response(pack(probs), media_type="application/octet-stream")


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])},
    )
    serve.run(Digits.bind(), name="digits", route_prefix="/predict")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    ray.shutdown()
