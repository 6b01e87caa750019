"""Tensors of the Open Inference Protocol: images in, predictions out."""

from collections.abc import Callable

import numpy as np
import pytest

from digits.inference.v2 import inference_pb2 as pb
from digits_server.api import tensors
from digits_server.errors import InvalidArgumentError

SHAPES = ([2, 28, 28], [2, 784], [2, 28, 28, 1], [2, 1, 28, 28])
PIXELS = np.arange(2 * 784).reshape(2, 28, 28).astype(np.uint8)


def request_of(pixels: np.ndarray, datatype: str, *, is_raw: bool = True) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(
        name="images", datatype=datatype, shape=[len(pixels), 784]
    )
    request = pb.ModelInferRequest(inputs=[tensor])
    if is_raw:
        request.raw_input_contents.append(
            pixels.astype({"UINT8": "u1", "FP32": "<f4"}[datatype]).tobytes()
        )
    elif datatype == "UINT8":
        request.inputs[0].contents.uint_contents.extend(pixels.ravel().tolist())
    else:
        request.inputs[0].contents.fp32_contents.extend(pixels.ravel().tolist())
    return request


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("datatype", "factor"), [("UINT8", 1), ("FP32", 1), ("FP32", np.float32(1 / 255))]
)
def test_the_same_images_in_every_shape_and_datatype_have_the_same_pixels(
    datatype: str, factor: float, shape: list[int], is_raw: bool
) -> None:
    request = request_of(PIXELS * factor, datatype, is_raw=is_raw)
    request.inputs[0].shape[:] = shape
    np.testing.assert_array_equal(tensors.read_images(request, 2), PIXELS)


def test_the_largest_value_of_the_whole_tensor_determines_the_range() -> None:
    pixels = np.zeros((2, 784))
    pixels[0, 0], pixels[1, 0] = 1, 2
    assert tensors.read_images(request_of(pixels, "FP32"), 2)[:, 0, 0].tolist() == [1, 2]
    pixels[1, 0] = 0.5
    assert tensors.read_images(request_of(pixels, "FP32"), 2)[:, 0, 0].tolist() == [255, 128]


def without_inputs(request: pb.ModelInferRequest) -> None:
    del request.inputs[:]


def two_inputs(request: pb.ModelInferRequest) -> None:
    request.inputs.append(request.inputs[0])


def wrong_name(request: pb.ModelInferRequest) -> None:
    request.inputs[0].name = "x" * 1000


def wrong_datatype(request: pb.ModelInferRequest) -> None:
    request.inputs[0].datatype = "INT8"


def shared_memory(request: pb.ModelInferRequest) -> None:
    request.inputs[0].parameters["shared_memory_region"].string_param = "mine"


def shape(*numbers: int) -> Callable[[pb.ModelInferRequest], None]:
    def change(request: pb.ModelInferRequest) -> None:
        request.inputs[0].shape[:] = numbers

    return change


def two_raw(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents.append(b"")


def raw_and_typed(request: pb.ModelInferRequest) -> None:
    request.inputs[0].contents.uint_contents.append(1)


def short_by_a_byte(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] = request.raw_input_contents[0][:-1]


def short_by_a_value(request: pb.ModelInferRequest) -> None:
    request.raw_input_contents[0] = request.raw_input_contents[0][:-4]


def without_contents(request: pb.ModelInferRequest) -> None:
    del request.raw_input_contents[:]


def value(number: float) -> Callable[[pb.ModelInferRequest], None]:
    def change(request: pb.ModelInferRequest) -> None:
        content = np.frombuffer(request.raw_input_contents[0], "<f4").copy()
        content[-1] = number
        request.raw_input_contents[0] = content.tobytes()

    return change


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (without_inputs, "inputs", "has 0 tensors; exactly one is required, 'images'"),
        (two_inputs, "inputs", "has 2 tensors; exactly one is required, 'images'"),
        (wrong_name, "inputs[0].name", f"is '{'x' * 40}...'; the only input is 'images'"),
        (wrong_datatype, "inputs[0].datatype", "is 'INT8'; UINT8 or FP32 is required"),
        (
            shared_memory,
            *("inputs[0].parameters", "has 'shared_memory_region', which is not supported"),
        ),
        (
            shape(),
            "inputs[0].shape",
            "is []; accepted are [N, 28, 28], [N, 784], [N, 28, 28, 1], [N, 1, 28, 28]",
        ),
        (shape(2, 28), "inputs[0].shape", "is [2, 28]; accepted are "),
        (shape(28, 28), "inputs[0].shape", "is [28, 28]; accepted are "),
        (shape(784), "inputs[0].shape", "is [784]; accepted are "),
        (shape(2, 3, 28, 28), "inputs[0].shape", "is [2, 3, 28, 28]; accepted are "),
        (shape(*[1] * 99), "inputs[0].shape", "is [1, 1, 1, 1, 1, 1, ...]; accepted are "),
        (shape(-1, 28, 28), "inputs[0].shape", "has -1 images; 1 to 3 are accepted"),
        (shape(0, 28, 28), "inputs[0].shape", "has 0 images; 1 to 3 are accepted"),
        (shape(4, 28, 28), "inputs[0].shape", "has 4 images; 1 to 3 are accepted"),
        (shape(2**62, 28, 28), "inputs[0].shape", f"has {2**62} images; 1 to 3 are accepted"),
        (two_raw, "raw_input_contents", "has 2 entries; one per input is required"),
        (raw_and_typed, "inputs[0].contents", "and raw_input_contents are set; only one may be"),
        (short_by_a_byte, "raw_input_contents[0]", "has 6271 bytes; FP32 has 4 bytes per value"),
        (
            short_by_a_value,
            *("raw_input_contents[0]", "has 1567 values; 2 images of 784 have 1568"),
        ),
        (
            shape(3, 28, 28),
            *("raw_input_contents[0]", "has 1568 values; 3 images of 784 have 2352"),
        ),
        (
            without_contents,
            *("inputs[0].contents.fp32_contents", "has 0 values; 2 images of 784 have 1568"),
        ),
        (value(np.nan), "raw_input_contents[0]", "has a value that is not finite"),
        (value(-np.inf), "raw_input_contents[0]", "has a value that is not finite"),
        (
            value(-1),
            *("raw_input_contents[0]", "has values from -1 to 255; 0 to 255 are accepted"),
        ),
        (
            value(65535),
            *("raw_input_contents[0]", "has values from 0 to 65535; 0 to 255 are accepted"),
        ),
    ],
)
def test_an_invalid_input_is_an_error_with_field_and_reason(
    change: Callable[[pb.ModelInferRequest], None], field: str, reason: str
) -> None:
    request = request_of(PIXELS, "FP32")
    change(request)
    with pytest.raises(InvalidArgumentError) as caught:
        tensors.read_images(request, 3)
    assert caught.value.field == field
    assert caught.value.reason.startswith(reason)


def test_a_gray_value_above_255_is_an_error() -> None:
    request = request_of(PIXELS.astype(int), "UINT8", is_raw=False)
    request.inputs[0].contents.uint_contents[5] = 256
    with pytest.raises(InvalidArgumentError, match="from 0 to 256; 0 to 255") as caught:
        tensors.read_images(request, 2)
    assert caught.value.field == "inputs[0].contents.uint_contents"


def requesting(*names: str) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferRequestedOutputTensor
    return pb.ModelInferRequest(outputs=[tensor(name=name) for name in names])


@pytest.mark.parametrize(
    ("requested", "names"),
    [
        ([], ["probabilities", "digit"]),
        (["digit"], ["digit"]),
        (["digit", "probabilities"], ["digit", "probabilities"]),
    ],
)
def test_the_requested_outputs_keep_their_order(requested: list[str], names: list[str]) -> None:
    assert [*tensors.read_outputs(requesting(*requested))] == names


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["digit", "logits"], "is 'logits'; the outputs are 'probabilities' and 'digit'"),
        (["digit", "digit"], "repeats 'digit'"),
    ],
)
def test_an_unknown_or_repeated_output_is_an_error(names: list[str], reason: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        tensors.read_outputs(requesting(*names))
    assert (caught.value.field, caught.value.reason) == ("outputs[1].name", reason)


def test_a_parameter_that_changes_an_output_is_an_error_instead_of_being_ignored() -> None:
    request = requesting("probabilities")
    request.outputs[0].parameters["binary_data"].bool_param = True
    assert [*tensors.read_outputs(request)] == ["probabilities"]
    request.outputs[0].parameters["classification"].int64_param = 3
    with pytest.raises(InvalidArgumentError, match="'classification'") as caught:
        tensors.read_outputs(request)
    assert caught.value.field == "outputs[0].parameters"


def test_outputs_are_raw_or_typed() -> None:
    digits, probs = np.array([3, -1]), np.full((2, 10), 0.5)
    raw, typed = pb.ModelInferResponse(), pb.ModelInferResponse()
    for name, values in (("digit", digits), ("probabilities", probs)):
        tensors.add_output(raw, name, values, is_raw=True)
        tensors.add_output(typed, name, values, is_raw=False)
    for response in (raw, typed):
        assert [(tensor.datatype, [*tensor.shape]) for tensor in response.outputs] == [
            *(("INT64", [2]), ("FP32", [2, 10]))
        ]
    assert [*raw.raw_output_contents] == [digits.astype("<i8").tobytes(), b"\0\0\0\x3f" * 20]
    assert not any(tensor.HasField("contents") for tensor in raw.outputs)
    assert [*typed.outputs[0].contents.int64_contents] == [3, -1]
    assert [*typed.outputs[1].contents.fp32_contents] == [0.5] * 20
    assert not typed.raw_output_contents
