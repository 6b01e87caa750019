"""Calls of the service at the lowest cost for the client: requests are serialized in advance."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import grpc
from google.rpc.status_pb2 import Status

from digits.v1 import recognizer_pb2 as pb
from digits_client.channel import (
    target_and_options,
    tls_credentials,
    token_metadata,
)
from digits_client.cli.server_options import ServerOptions

from .load import MakeCall
from .recording import OK, Outcome
from .workload import CallKind

StreamCall = grpc.aio.StreamStreamCall[bytes, pb.StreamingRecognizeResponse]

_STATUS_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}
_OK_IMAGE: Final = Outcome(OK, {OK: 1})
_SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name
_METHODS: Final = {
    CallKind.UNARY: "Recognize",
    CallKind.NUMBER: "Recognize",
    CallKind.BATCH: "RecognizeBatch",
    CallKind.STREAM: "StreamingRecognize",
    CallKind.NOOP: "GetModel",
}


def open_channel(server: ServerOptions) -> grpc.aio.Channel:
    """Return a channel with a separate connection and without retries: each failure counts.

    Raises:
        CredentialFileError: A TLS file cannot be read or is not PEM.
    """
    credentials = tls_credentials(server.tls_ca, server.client_cert, server.client_key)
    target, all_options = target_and_options(
        server.address, has_tls=credentials is not None, tls_server_name=server.tls_server_name
    )
    options = [option for option in all_options if option[0] != "grpc.enable_retries"]
    options += [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)


def call_function(
    channel: grpc.aio.Channel,
    kind: CallKind,
    batch_size: int,
    server: ServerOptions,
    timeout_seconds: float,
) -> MakeCall:
    """Return a function that makes one call.

    Args:
        channel: The connection.
        kind: The method, except a stream.
        batch_size: Images in each call.
        server: The server, whose token file is read once.
        timeout_seconds: Deadline of each call.

    Raises:
        CredentialFileError: The token cannot be read.
    """
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_path(kind))
    metadata = token_metadata(server.token_file)
    parse = _batch_outcome if kind is CallKind.BATCH else None
    all_ok = Outcome(OK, {OK: batch_size})

    async def make_call(request: bytes) -> Outcome:
        try:
            response = await method(request, timeout=timeout_seconds, metadata=metadata)
        except grpc.RpcError as error:
            return error_outcome(error, batch_size)
        return parse(response) if parse else all_ok

    return make_call


def stream_opener(channel: grpc.aio.Channel, server: ServerOptions) -> Callable[[], StreamCall]:
    """Return a function that opens a stream.

    Raises:
        CredentialFileError: The token cannot be read.
    """
    method: grpc.aio.StreamStreamMultiCallable[bytes, pb.StreamingRecognizeResponse] = (
        channel.stream_stream(
            _path(CallKind.STREAM), response_deserializer=pb.StreamingRecognizeResponse.FromString
        )
    )
    metadata = token_metadata(server.token_file)
    return lambda: method(metadata=metadata)


def error_outcome(error: grpc.RpcError, image_count: int) -> Outcome:
    """Return the outcome of a call that failed."""
    status = error.code().name
    return Outcome(status, {status: image_count}, {status: error.details() or ""})


def image_error_outcome(error: Status) -> Outcome:
    """Return the outcome of an image that failed within a successful call."""
    status = _STATUS_NAMES[error.code]
    return Outcome(status, {status: 1}, {status: error.message})


def _batch_outcome(response: bytes) -> Outcome:
    images: Counter[str] = Counter()
    messages: dict[str, str] = {}
    for result in pb.RecognizeBatchResponse.FromString(response).results:
        outcome = image_error_outcome(result.error) if result.HasField("error") else _OK_IMAGE
        images.update(outcome.images)
        messages.update(outcome.messages)
    # A call in which every image failed has failed, even though its own status is OK.
    status = OK if images[OK] else next(iter(images))
    return Outcome(status, images, messages)


def _path(kind: CallKind) -> str:
    return f"/{_SERVICE}/{_METHODS[kind]}"
