"""The Open Inference Protocol, for clients that know inference servers and not digits."""

import functools
import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digits.inference.v2 import inference_pb2 as pb
from digits.inference.v2 import inference_pb2_grpc as pb_grpc
from digits_server.errors import NotFoundError, ServerError
from digits_server.inference.recognizer import Recognizer, Source
from digits_server.models.engine import DIGIT_COUNT
from digits_server.models.postprocess import Prediction
from digits_server.preprocessing.decode import from_raw
from digits_server.preprocessing.normalize import FRAME_SIZE

from .recognizer_servicer import Context, ServiceLimits, deadline_of
from .tensors import (
    DIGIT,
    PIXEL_COUNT,
    PROBABILITIES,
    add_output,
    metadata,
    read_images,
    read_outputs,
    shown,
)

INFERENCE_SERVICE: str = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
MODEL_NAME: Final = "digits"
# As the protocol composes it: what runs the model, and the format that it is stored in.
PLATFORM: Final = "litert_tflite"
# In the output ``digit``, of an image that is none.
NO_DIGIT: Final = -1


class InferenceServicer(pb_grpc.GRPCInferenceServiceServicer):
    """``inference.GRPCInferenceService``; the proto says what each method promises."""

    def __init__(
        self,
        recognizer: Recognizer,
        limits: ServiceLimits,
        is_ready: Callable[[], bool],
        name: str = MODEL_NAME,
    ) -> None:
        """Serve the recognizer's model under a name, for as long as ``is_ready`` says so."""
        self._recognizer = recognizer
        self._limits = limits
        self._is_ready = is_ready
        self._name = name

    async def ServerLive(  # noqa: N802
        self, request: pb.ServerLiveRequest, context: Context
    ) -> pb.ServerLiveResponse:
        """Tell that the server answers."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: pb.ServerReadyRequest, context: Context
    ) -> pb.ServerReadyResponse:
        """Tell whether calls are welcome."""
        return pb.ServerReadyResponse(ready=self._is_ready())

    async def ModelReady(  # noqa: N802
        self, request: pb.ModelReadyRequest, context: Context
    ) -> pb.ModelReadyResponse:
        """Tell whether the model can be asked."""
        self._check_model(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._is_ready())

    async def ServerMetadata(  # noqa: N802
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """Tell the server's name and version."""
        return pb.ServerMetadataResponse(
            name="digits-server", version=importlib.metadata.version("digits")
        )

    async def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Tell what the model takes and gives."""
        self._check_model(request.name, request.version)
        inputs, outputs = metadata()
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
        names = read_outputs(request)
        images = read_images(request, self._limits.max_batch_images)
        sources = [
            Source(
                functools.partial(
                    from_raw, FRAME_SIZE, FRAME_SIZE, image.tobytes(), self._limits.image
                ),
                byte_count=PIXEL_COUNT,
                is_small=True,
            )
            for image in images
        ]
        predictions = [
            _prediction(answer)
            for answer in await self._recognizer.recognize(sources, deadline_of(context))
        ]
        response = pb.ModelInferResponse(
            model_name=self._name, model_version=predictions[0].model_version, id=request.id
        )
        values: dict[str, NDArray[Any]] = {
            PROBABILITIES: _probabilities(predictions),
            DIGIT: _digits(predictions),
        }
        for name in names:
            add_output(response, name, values[name], is_raw=bool(request.raw_input_contents))
        return response

    def _check_model(self, name: str, version: str) -> None:
        if name != self._name:
            raise NotFoundError(f"there is no model {shown(name)}; '{self._name}' is served")
        served = self._recognizer.manifest.version
        if version not in ("", served):
            raise NotFoundError(
                f"'{self._name}' has no version {shown(version)} here; {served} is served"
            )


def _prediction(answer: Prediction | ServerError) -> Prediction:
    # The images are one tensor and have one answer: what is wrong with one is wrong with it.
    if isinstance(answer, ServerError):
        raise answer
    return answer


def _probabilities(predictions: Sequence[Prediction]) -> NDArray[np.float32]:
    none = (0.0,) * DIGIT_COUNT
    return np.array([prediction.probs or none for prediction in predictions], np.float32)


def _digits(predictions: Sequence[Prediction]) -> NDArray[np.int64]:
    return np.array(
        [NO_DIGIT if prediction.digit is None else prediction.digit for prediction in predictions],
        np.int64,
    )
