"""Responses of the Open Inference Protocol by REST: JSON, and the bytes of binary tensors."""

import json
from typing import Any

from starlette.responses import Response

from digits.inference.v2 import inference_pb2 as pb

from .infer_request import BINARY_SIZE, HEADER_LENGTH, InferRequest
from .infer_tensors import from_bytes
from .problems import ProblemError


def to_infer_response(message: pb.ModelInferResponse, request: InferRequest) -> Response:
    """Return the response for a message of the digits server.

    Args:
        message: Has its tensors as raw contents.
        request: The request, which decides on the form of each output.

    Raises:
        ProblemError: The message is not valid.
    """
    if len(message.outputs) != len(message.raw_output_contents):
        raise ProblemError(502, "the digits server sent tensors without contents")
    outputs: list[dict[str, Any]] = []
    binary: list[bytes] = []
    for tensor, content in zip(message.outputs, message.raw_output_contents, strict=True):
        output: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
        }
        if request.binary_outputs.get(tensor.name, request.is_binary_by_default):
            output["parameters"] = {BINARY_SIZE: len(content)}
            binary.append(content)
        else:
            output["data"] = from_bytes(tensor.datatype, content)
        outputs.append(output)
    body: dict[str, Any] = {
        "model_name": message.model_name,
        "model_version": message.model_version,
        "outputs": outputs,
    }
    if message.id:
        body["id"] = message.id
    text = json.dumps(body).encode()
    if not binary:
        return Response(text, media_type="application/json")
    return Response(
        b"".join((text, *binary)),
        media_type="application/octet-stream",
        headers={HEADER_LENGTH: str(len(text))},
    )
