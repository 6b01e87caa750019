"""The client for ordinary, blocking code. ``aio.py`` is its twin for asyncio."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, Self

import grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import images as image_messages
from . import results
from .channel import (
    DEFAULT_ADDRESS,
    DEFAULT_STREAM_TIMEOUT_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    FilePath,
    target_and_options,
    tls_credentials,
    token_metadata,
    warn_of_open_token,
)
from .errors import DigitsError, from_rpc_error
from .images import ImageLike
from .outbox import Outbox
from .results import Model, Prediction, StreamAnswer


class Client:
    """Asks a digits server. May be used by several threads at once.

    Every call has a deadline; one that finds the server unavailable is tried again, at
    most three times, within it. Errors are those of ``digits_client.errors``.

    Example:
        with Client("127.0.0.1:50051") as client:
            print(client.recognize("seven.png").digit)
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls_ca: FilePath | None = None,
        client_cert: FilePath | None = None,
        client_key: FilePath | None = None,
        token_file: FilePath | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """Prepare to ask; the connection is made by the first call.

        Args:
            address: ``host:port``, or any name that gRPC resolves; or several addresses in
                numbers, as ``10.0.0.1:50051,10.0.0.2:50051``, to which calls go in turn.
            tls_ca: A PEM file of the authorities whose certificate the server may show. None
                for a connection without TLS, unless there is a ``client_cert``.
            client_cert: A PEM file of the certificate to show to the server, and those that
                lead to its authority.
            client_key: A PEM file of its key.
            token_file: A file with the token to show to the server, read for each call.
            timeout_seconds: The deadline of each call that is given none of its own.

        Raises:
            AccessError: A file cannot be read or is not PEM, or a certificate is without its key.
            ValueError: The address is a list with names in it, or one that does not fit TLS.
        """
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        credentials = tls_credentials(tls_ca, client_cert, client_key)
        target, options = target_and_options(address, has_tls=credentials is not None)
        if credentials is None:
            warn_of_open_token(address, token_file)
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=options)
        self._stub = pb_grpc.RecognizerServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls that run are cancelled."""
        self._channel.close()

    def recognize(
        self,
        image: ImageLike,
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> Prediction:
        """Recognize one image.

        Args:
            image: A path, the content of an image file, a Pillow image, or an array of
                (H, W) bool or uint8, or (H, W, 3 or 4) uint8.
            include_frame: Whether to return what the model saw.
            timeout_seconds: The deadline, if not the client's.

        Raises:
            DigitsError: InvalidImageError for the image, others for the call.
        """
        request = pb.RecognizeRequest(
            image=image_messages.message(image), include_frame=include_frame
        )
        with _errors():
            response = self._stub.Recognize(request, **self._options(timeout_seconds))
        return results.only_prediction(response.predictions)

    def recognize_batch(
        self,
        images: Iterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> list[Prediction | DigitsError]:
        """Recognize images, as many as wanted, in as few messages as fit.

        Args:
            images: As for ``recognize``.
            include_frame: Whether to return what the model saw.
            timeout_seconds: The deadline of each message, if not the client's.

        Returns:
            For each image, in order, its prediction, or the error that it alone has.

        Raises:
            DigitsError: The call failed as a whole.
        """
        outbox = Outbox(include_frame=include_frame)
        answered: list[pb.RecognizeResult] = []
        for batch in image_messages.messages(map(outbox.message, images)):
            request = pb.RecognizeBatchRequest(images=batch, include_frame=include_frame)
            with _errors():
                response = self._stub.RecognizeBatch(request, **self._options(timeout_seconds))
            answered.extend(response.results)
        return outbox.results(answered)

    def recognize_stream(
        self,
        images: Iterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float = DEFAULT_STREAM_TIMEOUT_SECONDS,
    ) -> Iterator[StreamAnswer]:
        """Recognize images as they come; one that a newer one overtakes is skipped.

        Args:
            images: As for ``recognize``; iterated in a thread of gRPC's.
            include_frame: Whether to return what the model saw.
            timeout_seconds: The deadline of the stream as a whole.

        Yields:
            One answer for each image, in order.

        Raises:
            DigitsError: The stream failed as a whole.
        """
        outbox = Outbox(include_frame=include_frame)
        with _errors():
            call = self._stub.StreamingRecognize(
                outbox.stream_requests(images), **self._options(timeout_seconds)
            )
            try:
                for response in call:
                    yield outbox.stream_answer(response)
            finally:
                call.cancel()
        outbox.raise_failure()

    def model(self, *, timeout_seconds: float | None = None) -> Model:
        """Return which model the server runs, and its limits.

        Raises:
            DigitsError: The call failed.
        """
        with _errors():
            response = self._stub.GetModel(pb.GetModelRequest(), **self._options(timeout_seconds))
        return results.model(response)

    def _options(self, timeout_seconds: float | None) -> dict[str, Any]:
        return {
            "timeout": self._timeout_seconds if timeout_seconds is None else timeout_seconds,
            "metadata": token_metadata(self._token_file),
        }


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
