"""The client for ordinary, blocking code. ``aio.py`` is its twin for asyncio."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import images as image_messages
from . import results
from .aio import AsyncClient
from .bulk.retry import GIVE_UP_SECONDS
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
from .request_encoder import RequestEncoder
from .results import FileResult, Model, Prediction, StreamResult


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
            CredentialFileError: A file cannot be read or is not PEM, or a certificate is without
                its key.
            ValueError: The address is a list with names in it, or one that does not fit TLS.
        """
        self._twin = functools.partial(
            AsyncClient,
            address,
            tls_ca=tls_ca,
            client_cert=client_cert,
            client_key=client_key,
            token_file=token_file,
            timeout_seconds=timeout_seconds,
        )
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
        outbox = RequestEncoder(include_frame=include_frame)
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
    ) -> Iterator[StreamResult]:
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
        outbox = RequestEncoder(include_frame=include_frame)
        with _errors():
            call = self._stub.StreamingRecognize(
                outbox.stream_requests(images), **self._options(timeout_seconds)
            )
            try:
                for response in call:
                    yield outbox.stream_result(response)
            finally:
                call.cancel()
        outbox.raise_failure()

    def recognize_folder(
        self,
        folder: FilePath,
        *,
        recursive: bool = True,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> Iterator[FileResult]:
        """Recognize the images of a folder, as ``digits-batch`` does: many a message, in order.

        A file that cannot be read or recognized has its error, and the others go on; a
        server that is away for a while, or has too much to do, is waited for.

        Args:
            folder: A folder; or whatever else stands on that command's line: a file, a glob,
                an archive, a URL.
            recursive: Whether to go into the folders below.
            include: Patterns such as ``*.png``; where there are any, only the files below the
                folder that match one.
            exclude: Patterns of files and folders to leave out.
            give_up_seconds: How long the server may answer nothing.

        Yields:
            The path of each file and its answer, sorted by path.

        Raises:
            DigitsError: The server cannot be reached, was given up, or does not let us in.
            RuntimeError: An event loop runs in this thread: there, use AsyncClient.
        """
        if _has_running_loop():
            raise RuntimeError("an event loop runs in this thread: use AsyncClient")
        # What is done while the next answer is awaited goes on only then; a message or two
        # more are at the server in the meantime.
        with asyncio.Runner() as runner:
            client = runner.run(_made(self._twin))
            answers = client.recognize_folder(
                folder,
                recursive=recursive,
                include=include,
                exclude=exclude,
                give_up_seconds=give_up_seconds,
            )
            try:
                while answer := runner.run(_next(answers)):
                    yield answer
            finally:
                runner.run(answers.aclose())
                runner.run(client.close())

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


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _made(make: Callable[[], AsyncClient]) -> AsyncClient:
    return make()  # where its event loop runs


async def _next(answers: AsyncIterator[FileResult]) -> FileResult | None:
    return await anext(answers, None)


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
