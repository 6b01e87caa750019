"""The Open Inference Protocol, for clients of inference servers that do not know ``digits.v1``."""

import importlib.metadata
from collections.abc import Callable
from typing import Any, Final

from numpy.typing import NDArray

from digits.inference.v2 import inference_pb2 as pb
from digits.inference.v2 import inference_pb2_grpc as pb_grpc
from digits_server.errors import NotFoundError
from digits_server.inference.recognizer import Recognizer

from .call import Context, deadline_of
from .tensors import (
    DIGIT,
    PROBABILITIES,
    add_output,
    quoted,
    read_images,
    read_outputs,
    tensor_metadata,
)

INFERENCE_SERVICE: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
MODEL_NAME: Final = "digits"
# In the protocol's form: the runtime of the model, then its file format.
PLATFORM: Final = "litert_tflite"


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """Implements ``inference.GRPCInferenceService``; the proto documents each method."""

    def __init__(
        self,
        recognizer: Recognizer,
        max_batch_images: int,
        is_ready: Callable[[], bool],
        name: str = MODEL_NAME,
    ) -> None:
        """Serve the recognizer's model.

        Args:
            recognizer: Recognizes the images.
            max_batch_images: Most images in one tensor.
            is_ready: Returns whether the server is ready for calls.
            name: Name of the model in requests and responses.
        """
        self._recognizer = recognizer
        self._max_batch_images = max_batch_images
        self._is_ready = is_ready
        self._name = name

    async def ServerLive(  # noqa: N802
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        """Report that the server is alive."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        """Report whether the server is ready for calls."""
        return pb.ServerReadyResponse(ready=self._is_ready())

    async def ModelReady(  # noqa: N802
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        """Report whether the model is ready for calls."""
        self._check_model(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._is_ready())

    async def ServerMetadata(  # noqa: N802
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """Return the server's name and version."""
        return pb.ServerMetadataResponse(
            name="digits-server", version=importlib.metadata.version("digits")
        )

    async def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Return the model's version, inputs and outputs."""
        self._check_model(request.name, request.version)
        inputs, outputs = tensor_metadata()
        return pb.ModelMetadataResponse(
            name=self._name,
            versions=[self._recognizer.manifest.version],
            platform=PLATFORM,
            inputs=inputs,
            outputs=outputs,
        )

    async def ModelInfer(  # noqa: N802
        self, request: pb.ModelInferRequest, context: Context
    ) -> pb.ModelInferResponse:
        """Recognize the images of a tensor."""
        self._check_model(request.model_name, request.model_version)
        output_names = read_outputs(request)
        images = read_images(request, self._max_batch_images)
        predictions = await self._recognizer.recognize(images, deadline_of(context))
        response = pb.ModelInferResponse(
            model_name=self._name, model_version=predictions.model_version, id=request.id
        )
        # ``digit`` is NO_DIGIT, -1, for an image whose verdict is not DIGIT.
        outputs: dict[str, NDArray[Any]] = {
            PROBABILITIES: predictions.probs,
            DIGIT: predictions.digits,
        }
        for name in output_names:
            add_output(response, name, outputs[name], is_raw=bool(request.raw_input_contents))
        return response

    def _check_model(self, name: str, version: str) -> None:
        if name != self._name:
            raise NotFoundError(f"model {quoted(name)} does not exist; '{self._name}' is served")
        served = self._recognizer.manifest.version
        if version not in ("", served):
            raise NotFoundError(
                f"version {quoted(version)} of '{self._name}' is not served; version {served} is"
            )
