"""Reads images from, and writes predictions to, tensors of the Open Inference Protocol."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digits.inference.v2 import inference_pb2 as pb
from digits_server.errors import InvalidArgumentError
from digits_server.models.engine import DIGIT_COUNT
from digits_server.preprocessing.normalize import FRAME_SIZE

IMAGES: Final = "images"
PROBABILITIES: Final = "probabilities"
DIGIT: Final = "digit"

_PIXEL_COUNT: Final = FRAME_SIZE * FRAME_SIZE
# Accepted shapes, without the leading number of images. The metadata reports the first.
_IMAGE_SHAPES: Final = (
    (FRAME_SIZE, FRAME_SIZE),
    (_PIXEL_COUNT,),
    (FRAME_SIZE, FRAME_SIZE, 1),
    (1, FRAME_SIZE, FRAME_SIZE),
)
# Datatype -> its NumPy type in raw contents, and the field of its typed contents.
_DATATYPES: Final[dict[str, tuple[np.dtype[Any], str]]] = {
    "UINT8": (np.dtype("u1"), "uint_contents"),
    "FP32": (np.dtype("<f4"), "fp32_contents"),
    "INT64": (np.dtype("<i8"), "int64_contents"),
}
_IMAGE_DATATYPES: Final = ("UINT8", "FP32")
_OUTPUT_DATATYPES: Final = {PROBABILITIES: "FP32", DIGIT: "INT64"}
# Parameters of Triton's extensions that change the response. Other unknown parameters are
# ignored; ignoring these would return something other than the request asked for.
_UNSUPPORTED_PARAMETERS: Final = ("classification", "shared_memory_region")
# Bounds on how much of a request an error message repeats.
_MAX_QUOTED_CHARACTERS: Final = 40
_MAX_QUOTED_DIMENSIONS: Final = 6

TensorMetadata = pb.ModelMetadataResponse.TensorMetadata
InputTensor = pb.ModelInferRequest.InferInputTensor


def tensor_metadata() -> tuple[list[TensorMetadata], list[TensorMetadata]]:
    """Return the metadata of the inputs and of the outputs."""
    images = TensorMetadata(
        name=IMAGES, datatype=_IMAGE_DATATYPES[0], shape=(-1, *_IMAGE_SHAPES[0])
    )
    probabilities = TensorMetadata(
        name=PROBABILITIES, datatype=_OUTPUT_DATATYPES[PROBABILITIES], shape=(-1, DIGIT_COUNT)
    )
    digit = TensorMetadata(name=DIGIT, datatype=_OUTPUT_DATATYPES[DIGIT], shape=(-1,))
    return [images], [probabilities, digit]


def read_images(request: pb.ModelInferRequest, max_count: int) -> NDArray[np.uint8]:
    """Read the input tensor, without copying raw contents of UINT8.

    FP32 values are in 0..1 or in 0..255: if the largest value of the tensor is at most 1, all
    are multiplied by 255.

    Returns:
        (N, 28, 28) uint8, 0 black and 255 white, N from 1 to ``max_count``.

    Raises:
        InvalidArgumentError: The request does not have exactly one tensor, or its name,
            datatype, shape or contents are invalid.
    """
    if len(request.inputs) != 1:
        raise InvalidArgumentError(
            "inputs", f"has {len(request.inputs)} tensors; exactly one is required, '{IMAGES}'"
        )
    tensor = request.inputs[0]
    if tensor.name != IMAGES:
        raise InvalidArgumentError(
            "inputs[0].name", f"is {quoted(tensor.name)}; the only input is '{IMAGES}'"
        )
    if tensor.datatype not in _IMAGE_DATATYPES:
        raise InvalidArgumentError(
            "inputs[0].datatype",
            f"is {quoted(tensor.datatype)}; {' or '.join(_IMAGE_DATATYPES)} is required",
        )
    _check_parameters("inputs[0].parameters", tensor.parameters)
    count = _image_count(tensor.shape, max_count)
    field, values = (
        _raw_values(request, tensor) if request.raw_input_contents else _typed_values(tensor)
    )
    expected = count * _PIXEL_COUNT
    if len(values) != expected:
        raise InvalidArgumentError(
            field, f"has {len(values)} values; {count} images of {_PIXEL_COUNT} have {expected}"
        )
    return _to_gray(field, values).reshape(count, FRAME_SIZE, FRAME_SIZE)


def read_outputs(request: pb.ModelInferRequest) -> Sequence[str]:
    """Return the names of the requested output tensors in their order; by default all.

    Raises:
        InvalidArgumentError: An output does not exist, is requested twice, or has an
            unsupported parameter.
    """
    names: list[str] = []
    for index, output in enumerate(request.outputs):
        field = f"outputs[{index}].name"
        if output.name not in _OUTPUT_DATATYPES:
            known = " and ".join(f"'{name}'" for name in _OUTPUT_DATATYPES)
            raise InvalidArgumentError(field, f"is {quoted(output.name)}; the outputs are {known}")
        if output.name in names:
            raise InvalidArgumentError(field, f"repeats {quoted(output.name)}")
        _check_parameters(f"outputs[{index}].parameters", output.parameters)
        names.append(output.name)
    return names or tuple(_OUTPUT_DATATYPES)


def add_output(
    response: pb.ModelInferResponse, name: str, values: NDArray[Any], *, is_raw: bool
) -> None:
    """Append an output tensor to a response.

    Args:
        response: The response to extend.
        name: Name of the output.
        values: Values in the output's shape, of any type that its datatype can represent.
        is_raw: Whether to put the values into ``raw_output_contents``.
    """
    datatype = _OUTPUT_DATATYPES[name]
    dtype, field = _DATATYPES[datatype]
    output = response.outputs.add(name=name, datatype=datatype, shape=values.shape)
    if is_raw:
        response.raw_output_contents.append(values.astype(dtype).tobytes())
    else:
        getattr(output.contents, field).extend(values.ravel().tolist())


def quoted(text: str) -> str:
    """Return a caller's text for an error message: in quotes, escaped, and shortened."""
    return repr(
        text if len(text) <= _MAX_QUOTED_CHARACTERS else text[:_MAX_QUOTED_CHARACTERS] + "..."
    )


def _image_count(shape: Sequence[int], max_count: int) -> int:
    if not shape or tuple(shape[1 : 1 + _MAX_QUOTED_DIMENSIONS]) not in _IMAGE_SHAPES:
        dimensions = ", ".join(map(str, shape[:_MAX_QUOTED_DIMENSIONS]))
        more = ", ..." if len(shape) > _MAX_QUOTED_DIMENSIONS else ""
        accepted = (f"[N, {', '.join(map(str, image_shape))}]" for image_shape in _IMAGE_SHAPES)
        raise InvalidArgumentError(
            "inputs[0].shape", f"is [{dimensions}{more}]; accepted are {', '.join(accepted)}"
        )
    if not 1 <= shape[0] <= max_count:
        raise InvalidArgumentError(
            "inputs[0].shape", f"has {shape[0]} images; 1 to {max_count} are accepted"
        )
    return shape[0]


def _raw_values(
    request: pb.ModelInferRequest, tensor: InputTensor
) -> tuple[str, NDArray[np.generic]]:
    if len(request.raw_input_contents) != 1:
        raise InvalidArgumentError(
            "raw_input_contents",
            f"has {len(request.raw_input_contents)} entries; one per input is required",
        )
    if tensor.contents.ListFields():
        raise InvalidArgumentError(
            "inputs[0].contents", "and raw_input_contents are set; only one may be"
        )
    field, content = "raw_input_contents[0]", request.raw_input_contents[0]
    dtype, _ = _DATATYPES[tensor.datatype]
    if len(content) % dtype.itemsize:
        raise InvalidArgumentError(
            field,
            f"has {len(content)} bytes; {tensor.datatype} has {dtype.itemsize} bytes per value",
        )
    return field, np.frombuffer(content, dtype)


def _typed_values(tensor: InputTensor) -> tuple[str, NDArray[np.generic]]:
    _, name = _DATATYPES[tensor.datatype]
    return f"inputs[0].contents.{name}", np.asarray(getattr(tensor.contents, name))


def _to_gray(field: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all():
        raise InvalidArgumentError(field, "has a value that is not finite")
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        raise InvalidArgumentError(
            field, f"has values from {low:g} to {high:g}; 0 to 255 are accepted"
        )
    if values.dtype.kind == "f":
        values = np.rint(values * 255 if high <= 1 else values)
    return values.astype(np.uint8)


def _check_parameters(field: str, parameters: Any) -> None:
    for name in _UNSUPPORTED_PARAMETERS:
        if name in parameters:
            raise InvalidArgumentError(field, f"has '{name}', which is not supported")
