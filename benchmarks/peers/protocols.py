"""The protocols of the contenders: how requests are encoded and responses decoded."""

import base64
import http.client
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import grpc
import numpy as np
from numpy.typing import NDArray

from benchmarks.h2load import Kind
from benchmarks.limits.payloads import tensor_request
from benchmarks.peers.network import CLASS_COUNT, SIDE
from digits.inference.v2 import inference_pb2
from digits.v1 import recognizer_pb2 as pb

Images = NDArray[np.uint8]
"""(N, 28, 28) pixels."""
Probs = NDArray[np.float32]
"""(N, 10) probabilities of the digits, given that the image is a digit."""

SERVICE: Final = "/digits.v1.RecognizerService"
MAX_MESSAGE_BYTES: Final = 32 << 20


class CallError(Exception):
    """A call failed, or its response contradicts itself."""


@dataclass(frozen=True)
class Protocol:
    """Paths, encoders and decoders of the calls with one image and with a batch."""

    kind: Kind
    single_path: str
    batch_path: str
    encode_single: Callable[[Images], bytes]
    encode_batch: Callable[[Images], bytes]
    decode_single: Callable[[bytes], Probs]
    decode_batch: Callable[[bytes], Probs]
    content_type: str | None = None

    def call(self, address: str, path: str, body: bytes, timeout_seconds: float) -> bytes:
        """Make one call and return the body of its response.

        Raises:
            CallError: The call failed.
        """
        if self.kind == "grpc":
            return _call_grpc(address, path, body, timeout_seconds)
        return _call_http(address, path, body, timeout_seconds, self.content_type)


def _call_grpc(address: str, path: str, body: bytes, timeout_seconds: float) -> bytes:
    options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    with grpc.insecure_channel(address, options) as channel:
        # Without serializers, messages are bytes.
        call: Callable[..., bytes] = channel.unary_unary(path)
        try:
            return call(body, timeout=timeout_seconds)
        except grpc.RpcError as error:
            raise CallError(str(error)) from error


def _call_http(
    address: str, path: str, body: bytes, timeout_seconds: float, content_type: str | None
) -> bytes:
    connection = http.client.HTTPConnection(address, timeout=timeout_seconds)
    try:
        headers = {"content-type": content_type or "application/octet-stream"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise CallError(repr(error)) from error
    finally:
        connection.close()
    if response.status != 200:
        raise CallError(f"{response.status}: {content[:200]!r}")
    return content


def digit_probs(probs: NDArray[np.float32]) -> Probs:
    """Return (N, 10) probabilities of the digits, given that the image is a digit.

    Args:
        probs: (N, 10 or more) probabilities, the ten digits first.
    """
    digits = probs[:, :10]
    return np.asarray(digits / digits.sum(axis=1, keepdims=True), np.float32)


def _raw_image(image: Images) -> pb.Image:
    return pb.Image(raw=pb.RawImage(width=SIDE, height=SIDE, data=image.tobytes()))


def _prediction_probs(predictions: Sequence[pb.Prediction]) -> Probs:
    for prediction in predictions:
        if prediction.digit != int(np.argmax(prediction.probabilities)):
            raise CallError("the digit is not the most probable one")
    return np.array([prediction.probabilities for prediction in predictions], np.float32)


def _decode_response(body: bytes) -> Probs:
    return _prediction_probs([pb.RecognizeResponse.FromString(body).predictions[0]])


def _decode_batch_response(body: bytes) -> Probs:
    results = pb.RecognizeBatchResponse.FromString(body).results
    return _prediction_probs([result.predictions[0] for result in results])


def _decode_packed(body: bytes) -> Probs:
    return digit_probs(np.frombuffer(body, np.float32).reshape(-1, CLASS_COUNT))


def _encode_pixels(images: Images) -> bytes:
    return images.tobytes()


def _decode_inference(body: bytes) -> Probs:
    return _decode_packed(inference_pb2.ModelInferResponse.FromString(body).raw_output_contents[0])


def _encode_json(images: Images) -> bytes:
    return json.dumps(
        {"images": [base64.b64encode(image.tobytes()).decode() for image in images]}
    ).encode()


def _decode_json(body: bytes) -> Probs:
    return digit_probs(np.array(json.loads(body), np.float32))


def _one_method(
    kind: Kind,
    path: str,
    encode: Callable[[Images], bytes],
    decode: Callable[[bytes], Probs],
    content_type: str | None = None,
) -> Protocol:
    """Return a protocol that has the same method for one image and for a batch."""
    return Protocol(kind, path, path, encode, encode, decode, decode, content_type)


DIGITS: Final = Protocol(
    "grpc",
    f"{SERVICE}/Recognize",
    f"{SERVICE}/RecognizeBatch",
    lambda images: pb.RecognizeRequest(image=_raw_image(images[0])).SerializeToString(),
    lambda images: pb.RecognizeBatchRequest(
        images=[_raw_image(image) for image in images]
    ).SerializeToString(),
    _decode_response,
    _decode_batch_response,
)
INFERENCE: Final = _one_method(
    "grpc", "/inference.GRPCInferenceService/ModelInfer", tensor_request, _decode_inference
)
RAW_GRPC: Final = _one_method("grpc", "/digits/predict", _encode_pixels, _decode_packed)
RAW_HTTP: Final = _one_method("http", "/predict", _encode_pixels, _decode_packed)
JSON_HTTP: Final = _one_method("http", "/predict", _encode_json, _decode_json, "application/json")
