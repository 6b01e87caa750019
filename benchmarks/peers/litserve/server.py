"""The shipped network behind LitServe: bytes in, bytes out, dynamic batching.

``fast_queue`` is what its documents advise for high throughput. One worker, as the network
takes both cores, and as many processes for HTTP, which is the default.
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
    """Answers requests of one image or more."""

    def setup(self, device: str) -> None:
        """Load the network."""
        self.network = Network()

    def decode_request(
        self, request: Annotated[bytes, Body(media_type="application/octet-stream")]
    ) -> NDArray[np.uint8]:
        """Take raw bytes, in place of JSON."""
        return unpack(request)

    def batch(self, inputs: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """Leave the requests of a batch apart: each has as many images as it likes."""
        return inputs

    def predict(self, x: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Answer the requests of a batch at once."""
        probs = self.network.predict(np.concatenate(x))
        return np.split(probs, np.cumsum([len(images) for images in x])[:-1])

    def unbatch(self, output: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Hand each request its own."""
        return output

    def encode_response(self, output: NDArray[np.float32]) -> Response:
        """Answer with raw bytes."""
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
