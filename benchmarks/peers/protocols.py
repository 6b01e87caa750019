"""How each contender is asked, and how its answers are read."""

import base64
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks.h2load import Kind
from benchmarks.peers.network import CLASS_COUNT, SIDE
from digits.inference.v2 import inference_pb2
from digits.v1 import recognizer_pb2 as pb

Images = NDArray[np.uint8]
"""(N, 28, 28)."""
Probs = NDArray[np.float32]
"""(N, 10): of the digits, given that it is one."""

SERVICE: Final = "/digits.v1.RecognizerService"
MAX_MESSAGE_BYTES: Final = 32 << 20


class AskError(Exception):
    """A contender did not answer, or not as it should."""


@dataclass(frozen=True)
class Protocol:
    """A way to ask for one image, and for many at once."""

    kind: Kind
    one_path: str
    many_path: str
    encode_one: Callable[[Images], bytes]
    encode_many: Callable[[Images], bytes]
    decode_one: Callable[[bytes], Probs]
    decode_many: Callable[[bytes], Probs]
    content_type: str | None = None

    def ask(self, address: str, path: str, body: bytes, timeout: float) -> bytes:
        """Make one call.

        Raises:
            AskError: It was not answered.
        """
        if self.kind == "grpc":
            return _ask_grpc(address, path, body, timeout)
        return _ask_http(address, path, body, timeout, self.content_type)


def _ask_grpc(address: str, path: str, body: bytes, timeout: float) -> bytes:
    options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    with grpc.insecure_channel(address, options) as channel:
        # Without serializers, messages are bytes.
        call: Callable[..., bytes] = channel.unary_unary(path)
        try:
            return call(body, timeout=timeout)
        except grpc.RpcError as error:
            raise AskError(str(error)) from error


def _ask_http(
    address: str, path: str, body: bytes, timeout: float, content_type: str | None
) -> bytes:
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        headers = {"content-type": content_type or "application/octet-stream"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AskError(repr(error)) from error
    finally:
        connection.close()
    if response.status != 200:
        raise AskError(f"{response.status}: {answer[:200]!r}")
    return answer


def given_digit(probs: NDArray[np.float32]) -> Probs:
    """Return the shares of the ten digits alone."""
    ten = probs[:, :10]
    return np.asarray(ten / ten.sum(axis=1, keepdims=True), np.float32)


def _raw_image(image: Images) -> pb.Image:
    return pb.Image(raw=pb.RawImage(width=SIDE, height=SIDE, data=image.tobytes()))


def _digits_probs(predictions: list[pb.Prediction]) -> Probs:
    for prediction in predictions:
        if prediction.digit != int(np.argmax(prediction.probabilities)):
            raise AskError("the digit is not the likeliest")
    return np.array([prediction.probabilities for prediction in predictions], np.float32)


def _decode_recognized(answer: bytes) -> Probs:
    return _digits_probs([pb.RecognizeResponse.FromString(answer).predictions[0]])


def _decode_batch(answer: bytes) -> Probs:
    results = pb.RecognizeBatchResponse.FromString(answer).results
    return _digits_probs([result.predictions[0] for result in results])


def _packed(answer: bytes) -> Probs:
    return given_digit(np.frombuffer(answer, np.float32).reshape(-1, CLASS_COUNT))


def _pixels(images: Images) -> bytes:
    return images.tobytes()


def _encode_inference(images: Images) -> bytes:
    request = inference_pb2.ModelInferRequest(model_name="digits")
    tensor = request.inputs.add(name="images", datatype="UINT8")
    tensor.shape.extend(images.shape)
    request.raw_input_contents.append(images.tobytes())
    return request.SerializeToString()


def _decode_inference(answer: bytes) -> Probs:
    return _packed(inference_pb2.ModelInferResponse.FromString(answer).raw_output_contents[0])


def _encode_json(images: Images) -> bytes:
    return json.dumps(
        {"images": [base64.b64encode(image.tobytes()).decode() for image in images]}
    ).encode()


def _decode_json(answer: bytes) -> Probs:
    return given_digit(np.array(json.loads(answer), np.float32))


def _same_for_many(
    kind: Kind,
    path: str,
    encode: Callable[[Images], bytes],
    decode: Callable[[bytes], Probs],
    content_type: str | None = None,
) -> Protocol:
    return Protocol(kind, path, path, encode, encode, decode, decode, content_type)


DIGITS: Final = Protocol(
    "grpc",
    f"{SERVICE}/Recognize",
    f"{SERVICE}/RecognizeBatch",
    lambda images: pb.RecognizeRequest(image=_raw_image(images[0])).SerializeToString(),
    lambda images: pb.RecognizeBatchRequest(
        images=[_raw_image(image) for image in images]
    ).SerializeToString(),
    _decode_recognized,
    _decode_batch,
)
INFERENCE: Final = _same_for_many(
    "grpc", "/inference.GRPCInferenceService/ModelInfer", _encode_inference, _decode_inference
)
RAW_GRPC: Final = _same_for_many("grpc", "/digits/predict", _pixels, _packed)
RAW_HTTP: Final = _same_for_many("http", "/predict", _pixels, _packed)
JSON_HTTP: Final = _same_for_many(
    "http", "/predict", _encode_json, _decode_json, "application/json"
)
