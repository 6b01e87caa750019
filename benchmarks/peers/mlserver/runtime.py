"""The shipped network as an MLServer runtime."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.network import Network, unpack


class Digits(MLModel):
    """Serves requests of one or more images."""

    async def load(self) -> bool:
        """Load the network."""
        self.network = Network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict all requests of a batch together."""
        images = NumpyCodec.decode_input(payload.inputs[0])
        probs = self.network.predict(unpack(np.ascontiguousarray(images, np.uint8).tobytes()))
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("probabilities", probs)],
        )
