"""Requests of the Open Inference Protocol by REST, as messages of its gRPC service.

The body is JSON; with the extension for binary tensors, JSON and then the bytes of the tensors
whose parameters have ``binary_data_size``. The digits server checks names, types and shapes.
"""

import json
from typing import Any, Final, NamedTuple

from digits.inference.v2 import inference_pb2 as pb

from .infer_tensors import to_bytes
from .problems import ProblemError

HEADER_LENGTH: Final = "inference-header-content-length"
BINARY_SIZE: Final = "binary_data_size"
BINARY_OUTPUT: Final = "binary_data_output"
BINARY: Final = "binary_data"
MAX_JSON_BYTES: Final = 8 * 2**20
"""JSON takes many times its size when it is read. Larger tensors are sent as bytes."""
_MAX_TENSORS: Final = 16
_INT64: Final = range(-(2**63), 2**63)

Fields = dict[str, Any]


class InferRequest(NamedTuple):
    """A request, and how its response has to be written."""

    message: pb.ModelInferRequest
    binary_outputs: dict[str, bool]
    """For each output that is named, whether it is to be binary."""
    is_binary_by_default: bool


def read_infer_request(
    content: bytes, header_length: str | None, model_name: str, model_version: str
) -> InferRequest:
    """Read the body of a request.

    Args:
        content: The body.
        header_length: The header ``Inference-Header-Content-Length``, if there is one.
        model_name: The model's name, from the path.
        model_version: The model's version, from the path; empty for any.

    Raises:
        ProblemError: The body is not valid.
    """
    text, binary = _split(content, header_length)
    if len(text) > MAX_JSON_BYTES:
        raise ProblemError(
            413, f"the JSON is larger than {MAX_JSON_BYTES} bytes; send tensors as binary data"
        )
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise ProblemError(400, "the body is not valid JSON") from None
    body = _fields("the body", body)
    message = pb.ModelInferRequest(model_name=model_name, model_version=model_version)
    message.id = _text("id", body.get("id", ""))
    _copy_parameters("parameters", body, message.parameters)
    for index, value in enumerate(_list("inputs", body.get("inputs", []))):
        binary = _add_input(message, f"inputs[{index}]", value, binary)
    if binary:
        raise ProblemError(400, f"the body has {len(binary)} bytes that belong to no input")
    binary_outputs = {}
    for index, value in enumerate(_list("outputs", body.get("outputs", []))):
        field = f"outputs[{index}]"
        fields = _fields(field, value)
        output = message.outputs.add(name=_text(f"{field}.name", fields.get("name")))
        _copy_parameters(f"{field}.parameters", fields, output.parameters)
        if BINARY in output.parameters:
            binary_outputs[output.name] = output.parameters[BINARY].bool_param
    by_default = message.parameters
    is_binary = BINARY_OUTPUT in by_default and by_default[BINARY_OUTPUT].bool_param
    return InferRequest(message, binary_outputs, is_binary)


def _split(content: bytes, header_length: str | None) -> tuple[bytes, bytes]:
    if header_length is None:
        return content, b""
    is_number = header_length.isascii() and header_length.isdigit() and len(header_length) < 19
    if not is_number or int(header_length) > len(content):
        raise ProblemError(
            400, f"Inference-Header-Content-Length is not 0 to {len(content)}, the size of the body"
        )
    return content[: int(header_length)], content[int(header_length) :]


def _add_input(message: pb.ModelInferRequest, field: str, value: Any, binary: bytes) -> bytes:
    """Add a tensor to a message, and return the binary data that are left for others."""
    fields = _fields(field, value)
    datatype = _text(f"{field}.datatype", fields.get("datatype"))
    tensor = message.inputs.add(name=_text(f"{field}.name", fields.get("name")), datatype=datatype)
    shape = fields.get("shape")
    if not isinstance(shape, list) or not all(
        type(size) is int and size in _INT64 for size in shape
    ):
        raise ProblemError(400, f"{field}.shape is not a list of whole numbers")
    tensor.shape.extend(shape)
    _copy_parameters(f"{field}.parameters", fields, tensor.parameters)
    if BINARY_SIZE not in tensor.parameters:
        message.raw_input_contents.append(to_bytes(field, datatype, fields.get("data")))
        return binary
    size = tensor.parameters[BINARY_SIZE].int64_param
    if not 0 <= size <= len(binary):
        raise ProblemError(
            400, f"{field}.parameters.{BINARY_SIZE} is {size}; the body has {len(binary)} bytes"
        )
    if "data" in fields:
        raise ProblemError(400, f"{field} has data and {BINARY_SIZE}; only one may be")
    message.raw_input_contents.append(binary[:size])
    return binary[size:]


def _copy_parameters(field: str, owner: Fields, parameters: Any) -> None:
    for name, value in _fields(field, owner.get("parameters", {})).items():
        if isinstance(value, bool):
            parameters[name].bool_param = value
        elif isinstance(value, int) and value in _INT64:
            parameters[name].int64_param = value
        elif isinstance(value, float):
            parameters[name].double_param = value
        elif isinstance(value, str):
            parameters[name].string_param = _text(f"{field}.{name[:40]}", value)
        else:
            raise ProblemError(400, f"{field} has a value that is not a text, number or boolean")


def _fields(field: str, value: Any) -> Fields:
    if not isinstance(value, dict) or not all(name.isprintable() for name in value):
        raise ProblemError(400, f"{field} is not an object")
    return value


def _list(field: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MAX_TENSORS:
        raise ProblemError(400, f"{field} is not a list of at most {_MAX_TENSORS} tensors")
    return value


def _text(field: str, value: Any) -> str:
    # JSON may hold halves of surrogate pairs, which no message can carry.
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise ProblemError(400, f"{field} is not a text")
    return value
