"""The shipped network as a runtime of MLServer."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.network import Network, unpack


class Digits(MLModel):
    """Answers requests of one image or more."""

    async def load(self) -> bool:
        """Load the network."""
        self.network = Network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer the requests of a batch at once."""
        images = NumpyCodec.decode_input(payload.inputs[0])
        probs = self.network.predict(unpack(np.ascontiguousarray(images, np.uint8).tobytes()))
        return InferenceResponse(
            model_name=self.name,
            outputs=[NumpyCodec.encode_output("probabilities", probs)],
        )
