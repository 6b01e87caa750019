"""Tensors of the Open Inference Protocol: images out of a request's, answers into a response's."""

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

PIXEL_COUNT: Final = FRAME_SIZE * FRAME_SIZE
# What may follow the number of images in a shape; the first is what the metadata tells.
_IMAGE_SHAPES: Final = (
    (FRAME_SIZE, FRAME_SIZE),
    (PIXEL_COUNT,),
    (FRAME_SIZE, FRAME_SIZE, 1),
    (1, FRAME_SIZE, FRAME_SIZE),
)
# Datatype -> the elements as raw bytes, and the field that holds them otherwise.
_FORMS: Final[dict[str, tuple[np.dtype[Any], str]]] = {
    "UINT8": (np.dtype("u1"), "uint_contents"),
    "FP32": (np.dtype("<f4"), "fp32_contents"),
    "INT64": (np.dtype("<i8"), "int64_contents"),
}
_IMAGE_DATATYPES: Final = ("UINT8", "FP32")
_OUTPUT_DATATYPES: Final = {PROBABILITIES: "FP32", DIGIT: "INT64"}
# Parameters of Triton's extensions. Without them the answer would be another than was asked
# for, and so they are not ignored as others are.
_REFUSED_PARAMETERS: Final = ("classification", "shared_memory_region")
# Of a caller's text, what a message repeats.
_SHOWN_CHARACTERS: Final = 40
_SHOWN_DIMENSIONS: Final = 6

Metadata = pb.ModelMetadataResponse.TensorMetadata
InputTensor = pb.ModelInferRequest.InferInputTensor


def metadata() -> tuple[list[Metadata], list[Metadata]]:
    """Return what the inputs have to be and what the outputs will be."""
    images = Metadata(name=IMAGES, datatype=_IMAGE_DATATYPES[0], shape=(-1, *_IMAGE_SHAPES[0]))
    probabilities = Metadata(
        name=PROBABILITIES, datatype=_OUTPUT_DATATYPES[PROBABILITIES], shape=(-1, DIGIT_COUNT)
    )
    digit = Metadata(name=DIGIT, datatype=_OUTPUT_DATATYPES[DIGIT], shape=(-1,))
    return [images], [probabilities, digit]


def read_images(request: pb.ModelInferRequest, max_count: int) -> NDArray[np.uint8]:
    """Read the input tensor.

    Returns:
        (N, 784) uint8, 0 black and 255 white, N from 1 to ``max_count``.

    Raises:
        InvalidArgumentError: There is not exactly one tensor, or its name, datatype, shape
            or contents break their rule.
    """
    if len(request.inputs) != 1:
        raise InvalidArgumentError(
            "inputs", f"has {len(request.inputs)} tensors; one is needed, named '{IMAGES}'"
        )
    tensor = request.inputs[0]
    if tensor.name != IMAGES:
        raise InvalidArgumentError(
            "inputs[0].name", f"is {shown(tensor.name)}; the only input is '{IMAGES}'"
        )
    if tensor.datatype not in _IMAGE_DATATYPES:
        raise InvalidArgumentError(
            "inputs[0].datatype",
            f"is {shown(tensor.datatype)}; {' or '.join(_IMAGE_DATATYPES)} is needed",
        )
    _refuse_parameters("inputs[0].parameters", tensor.parameters)
    count = _image_count(tensor.shape, max_count)
    field, values = (
        _raw_values(request, tensor) if request.raw_input_contents else _typed_values(tensor)
    )
    needed = count * PIXEL_COUNT
    if len(values) != needed:
        raise InvalidArgumentError(
            field, f"has {len(values)} values; {count} images of {PIXEL_COUNT} need {needed}"
        )
    return _gray(field, values).reshape(count, PIXEL_COUNT)


def read_outputs(request: pb.ModelInferRequest) -> Sequence[str]:
    """Return the names of the output tensors that are wanted, each once, in that order.

    Raises:
        InvalidArgumentError: One of them does not exist, is wanted twice, or in another form.
    """
    names: list[str] = []
    for index, output in enumerate(request.outputs):
        field = f"outputs[{index}].name"
        if output.name not in _OUTPUT_DATATYPES:
            known = " and ".join(f"'{name}'" for name in _OUTPUT_DATATYPES)
            raise InvalidArgumentError(field, f"is {shown(output.name)}; there are {known}")
        if output.name in names:
            raise InvalidArgumentError(field, f"is {shown(output.name)} for the second time")
        _refuse_parameters(f"outputs[{index}].parameters", output.parameters)
        names.append(output.name)
    return names or tuple(_OUTPUT_DATATYPES)


def add_output(
    response: pb.ModelInferResponse, name: str, values: NDArray[Any], *, is_raw: bool
) -> None:
    """Append an output tensor to a response.

    Args:
        response: To append to.
        name: Of the tensor.
        values: Of the tensor's shape, of any type that its datatype can hold.
        is_raw: Whether its elements go into ``raw_output_contents``.
    """
    datatype = _OUTPUT_DATATYPES[name]
    dtype, field = _FORMS[datatype]
    output = response.outputs.add(name=name, datatype=datatype, shape=values.shape)
    if is_raw:
        response.raw_output_contents.append(values.astype(dtype).tobytes())
    else:
        getattr(output.contents, field).extend(values.ravel().tolist())


def shown(text: str) -> str:
    """Return a caller's text in quotes, escaped and shortened for a message."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def _image_count(shape: Sequence[int], max_count: int) -> int:
    if not shape or tuple(shape[1 : 1 + _SHOWN_DIMENSIONS]) not in _IMAGE_SHAPES:
        dimensions = ", ".join(map(str, shape[:_SHOWN_DIMENSIONS]))
        more = ", ..." if len(shape) > _SHOWN_DIMENSIONS else ""
        accepted = (f"[N, {', '.join(map(str, of_image))}]" for of_image in _IMAGE_SHAPES)
        raise InvalidArgumentError(
            "inputs[0].shape", f"is [{dimensions}{more}]; accepted are {', '.join(accepted)}"
        )
    if not 1 <= shape[0] <= max_count:
        raise InvalidArgumentError(
            "inputs[0].shape", f"is of {shape[0]} images; 1 to {max_count} are accepted"
        )
    return shape[0]


def _raw_values(
    request: pb.ModelInferRequest, tensor: InputTensor
) -> tuple[str, NDArray[np.generic]]:
    if len(request.raw_input_contents) != 1:
        raise InvalidArgumentError(
            "raw_input_contents",
            f"has {len(request.raw_input_contents)} entries; each of inputs has one",
        )
    if tensor.contents.ListFields():
        raise InvalidArgumentError("inputs[0].contents", "is set, and raw_input_contents too")
    field, content = "raw_input_contents[0]", request.raw_input_contents[0]
    dtype, _ = _FORMS[tensor.datatype]
    if len(content) % dtype.itemsize:
        raise InvalidArgumentError(
            field,
            f"has {len(content)} bytes; a value of {tensor.datatype} has {dtype.itemsize}",
        )
    return field, np.frombuffer(content, dtype)


def _typed_values(tensor: InputTensor) -> tuple[str, NDArray[np.generic]]:
    _, name = _FORMS[tensor.datatype]
    return f"inputs[0].contents.{name}", np.asarray(getattr(tensor.contents, name))


def _gray(field: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all():
        raise InvalidArgumentError(field, "has a value that is not finite")
    least, most = values.min(), values.max()
    if least < 0 or most > 255:
        raise InvalidArgumentError(
            field, f"has values from {least:g} to {most:g}; 0 to 255 are accepted"
        )
    if values.dtype.kind == "f":
        values = np.rint(values * 255 if most <= 1 else values)
    return values.astype(np.uint8)


def _refuse_parameters(field: str, parameters: Any) -> None:
    for name in _REFUSED_PARAMETERS:
        if name in parameters:
            raise InvalidArgumentError(field, f"has '{name}', an extension that is not here")
