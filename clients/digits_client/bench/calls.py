"""Calls of the service, as cheap for this side as they can be: requests are bytes already."""

import enum
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

from .load import Ask
from .recording import ANSWERED, Outcome

StreamCall = grpc.aio.StreamStreamCall[bytes, pb.StreamingRecognizeResponse]

_STATUS_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}
_ANSWERED: Final = Outcome(ANSWERED, {ANSWERED: 1})
_SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name


class Kind(enum.StrEnum):
    """What is called."""

    UNARY = "unary"
    BATCH = "batch"
    STREAM = "stream"
    NOOP = "noop"


_METHODS: Final = {
    Kind.UNARY: "Recognize",
    Kind.BATCH: "RecognizeBatch",
    Kind.STREAM: "StreamingRecognize",
    Kind.NOOP: "GetModel",
}


def open_channel(server: ServerOptions) -> grpc.aio.Channel:
    """Return a connection of its own, on which nothing is tried again: each failure counts.

    Raises:
        CredentialFileError: A TLS file cannot be read or is not PEM.
    """
    credentials = tls_credentials(server.tls_ca, server.client_cert, server.client_key)
    target, all_options = target_and_options(server.address, has_tls=credentials is not None)
    options = [option for option in all_options if option[0] != "grpc.enable_retries"]
    options += [("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)


def asker(
    channel: grpc.aio.Channel,
    kind: Kind,
    images: int,
    server: ServerOptions,
    timeout_seconds: float,
) -> Ask:
    """Return what makes one call.

    Args:
        channel: The connection.
        kind: Which, but for a stream.
        images: In each call.
        server: Whose token is shown, read once.
        timeout_seconds: The deadline of each call.

    Raises:
        CredentialFileError: The token cannot be read.
    """
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_path(kind))
    metadata = token_metadata(server.token_file)
    read = _batch_outcome if kind is Kind.BATCH else None
    answered = Outcome(ANSWERED, {ANSWERED: images})

    async def ask(request: bytes) -> Outcome:
        try:
            response = await method(request, timeout=timeout_seconds, metadata=metadata)
        except grpc.RpcError as error:
            return failed(error, images)
        return read(response) if read else answered

    return ask


def stream_opener(channel: grpc.aio.Channel, server: ServerOptions) -> Callable[[], StreamCall]:
    """Return what opens a stream.

    Raises:
        CredentialFileError: The token cannot be read.
    """
    method: grpc.aio.StreamStreamMultiCallable[bytes, pb.StreamingRecognizeResponse] = (
        channel.stream_stream(
            _path(Kind.STREAM), response_deserializer=pb.StreamingRecognizeResponse.FromString
        )
    )
    metadata = token_metadata(server.token_file)
    return lambda: method(metadata=metadata)


def failed(error: grpc.RpcError, images: int) -> Outcome:
    """Return the outcome of a call that an error ended."""
    status = error.code().name
    return Outcome(status, {status: images}, {status: error.details() or ""})


def of_image(error: Status) -> Outcome:
    """Return the outcome of an image that has an error of its own."""
    status = _STATUS_NAMES[error.code]
    return Outcome(status, {status: 1}, {status: error.message})


def _batch_outcome(response: bytes) -> Outcome:
    statuses: Counter[str] = Counter()
    said: dict[str, str] = {}
    for result in pb.RecognizeBatchResponse.FromString(response).results:
        outcome = of_image(result.error) if result.HasField("error") else _ANSWERED
        statuses.update(outcome.images)
        said.update(outcome.said)
    # A call of which no image was answered was none, whatever its own status.
    status = ANSWERED if statuses[ANSWERED] else next(iter(statuses))
    return Outcome(status, statuses, said)


def _path(kind: Kind) -> str:
    return f"/{_SERVICE}/{_METHODS[kind]}"
