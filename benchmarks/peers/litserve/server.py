"""The shipped network behind LitServe: bytes in, bytes out, dynamic batching.

``fast_queue`` is what its documentation recommends for high throughput. One worker, because the
network uses both cores, and one process for HTTP, which is the default.
"""

import os
from typing import Annotated

import litserve as ls
import numpy as np
from fastapi import Body, Response
from numpy.typing import NDArray

from benchmarks.peers.network import Network, pack, unpack

MAX_BATCH_REQUESTS = 32
BATCH_SECONDS = 0.001


class Digits(ls.LitAPI):
    """Serves requests of one or more images."""

    def setup(self, device: str) -> None:
        """Load the network."""
        self.network = Network()

    def decode_request(
        self, request: Annotated[bytes, Body(media_type="application/octet-stream")]
    ) -> NDArray[np.uint8]:
        """Decode raw bytes instead of JSON."""
        return unpack(request)

    def batch(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Keep the requests of a batch separate: each may have any number of images."""
        return inputs

    def predict(self, x: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Predict all requests of a batch together."""
        probs = self.network.predict(np.concatenate(x))
        return np.split(probs, np.cumsum([len(images) for images in x])[:-1])

    def unbatch(self, output: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Return the probabilities of each request."""
        return output

    def encode_response(self, output: NDArray[np.float32]) -> Response:
        """Encode as raw bytes."""
        return Response(pack(output), media_type="application/octet-stream")


if __name__ == "__main__":
    api = Digits(max_batch_size=MAX_BATCH_REQUESTS, batch_timeout=BATCH_SECONDS)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
