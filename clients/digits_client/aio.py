"""The client for asyncio. ``client.py`` is its twin for blocking code."""

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, Self

import grpc

from digits.endpoint import Endpoint
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

from . import images as image_messages
from . import responses
from .bulk.pipeline import recognize_items
from .bulk.retry import GIVE_UP_SECONDS
from .bulk.sender import BatchResult, BatchSender
from .channel import (
    DEFAULT_ADDRESS,
    DEFAULT_STREAM_TIMEOUT_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    FilePath,
    target_and_options,
    tls_credentials,
    token_metadata,
    warn_about_plaintext_token,
)
from .embedded import async_embedded_server
from .errors import DigitsError, async_call_errors, closed_error
from .images import ImageLike
from .request_encoder import RequestEncoder
from .results import FileResult, Model, Number, Prediction, StreamResult
from .sources import Selection, find
from .stream_status import read_responses


class AsyncClient:
    """A client of a digits server, for one event loop. It has the methods of ``Client``.

    Every call has a deadline. If the server is unavailable, a call is retried, at most three
    times and within its deadline. Errors are those of ``digits_client.errors``.

    Example:
        async with AsyncClient("127.0.0.1:50051") as client:
            print((await client.recognize("seven.png")).digit)
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        tls_ca: FilePath | None = None,
        client_cert: FilePath | None = None,
        client_key: FilePath | None = None,
        tls_server_name: str | None = None,
        token_file: FilePath | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """Create a client, which connects on its first call.

        Args:
            address: ``host:port``, or any other name that gRPC resolves; or a list of numeric
                addresses, such as ``10.0.0.1:50051,10.0.0.2:50051``, to which calls go in turn.
                With a list, and with a name as ``dns:///name:port``, a server that no longer
                runs is noticed within 2.5 seconds, and its calls are retried on another.
            tls_ca: CA bundle (PEM) for verifying the server. None disables TLS, unless there is
                a ``client_cert``.
            client_cert: Client certificate (PEM), with its intermediate certificates.
            client_key: Key of the client certificate (PEM).
            tls_server_name: The name that the server's certificate is for, if that is not the
                host in the address.
            token_file: File with the bearer token, read for each call.
            timeout_seconds: The default deadline of a call.

        Raises:
            CredentialFileError: A file cannot be read or is not PEM, or the certificate and the
                key do not match, or one of them is missing.
            ValueError: The address is not valid, or there is a ``tls_server_name`` without TLS.
        """
        self._token_file = token_file
        self._timeout_seconds = timeout_seconds
        credentials = tls_credentials(tls_ca, client_cert, client_key)
        target, options = target_and_options(
            address, has_tls=credentials is not None, tls_server_name=tls_server_name
        )
        if credentials is None:
            warn_about_plaintext_token(address, token_file)
            self._channel = grpc.aio.insecure_channel(target, options=options)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=options)
        self._endpoint = Endpoint(
            address, credentials is not None, token_file, self._parameter_name
        )
        self._stub = pb_grpc.RecognizerServiceStub(self._channel)
        self._is_closed = False
        self.sender = BatchSender(self._stub, self._options, self._endpoint)
        """For ``bulk``, which has no use for an object per image."""

    @classmethod
    @contextlib.asynccontextmanager
    async def embedded(
        cls, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> AsyncIterator[Self]:
        """Start a private server, yield a client of it, and stop both afterwards.

        The server listens on a free loopback port. It also stops when this process ends, in
        whatever way. It needs the extra ``server``.

        Example:
            async with AsyncClient.embedded() as client:
                print((await client.recognize_number("2026.png")).text)

        Args:
            timeout_seconds: The default deadline of a call.

        Raises:
            UnavailableError: The server is not installed, or does not start within 30 seconds;
                the message has the reason.
        """
        async with (
            async_embedded_server() as address,
            cls(address, timeout_seconds=timeout_seconds) as client,
        ):
            yield client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @staticmethod
    def _parameter_name(name: str) -> str:
        """Return how errors name a parameter of the client; commands name their flags."""
        return name

    async def close(self) -> None:
        """Close the connection and cancel the calls in flight."""
        self._is_closed = True
        await self._channel.close()

    async def recognize(
        self,
        image: ImageLike,
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> Prediction:
        """Recognize one image.

        Args:
            image: A path, the content of an image file, a Pillow image, or an array: (H, W)
                of bool or uint8, or (H, W, 3 or 4) of uint8.
            include_frame: Whether to return the frame that the model saw.
            timeout_seconds: The deadline; None for the client's default.

        Raises:
            DigitsError: InvalidImageError if the image cannot be recognized, another error if
                the call failed.
        """
        response = await self._recognize(image, pb.LAYOUT_DIGIT, include_frame, timeout_seconds)
        return responses.to_prediction(responses.single(response.predictions))

    async def recognize_number(
        self,
        image: ImageLike,
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> Number:
        """Recognize one image of a number: of one line of digits.

        The arguments and errors are those of ``recognize``. An image without a digit is not an
        error: the text is empty.
        """
        response = await self._recognize(image, pb.LAYOUT_NUMBER, include_frame, timeout_seconds)
        return responses.to_number(response)

    async def recognize_page(
        self,
        image: ImageLike,
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> list[Number]:
        """Recognize one image of several lines of digits, and return them from the top.

        The arguments and errors are those of ``recognize``.
        """
        response = await self._recognize(image, pb.LAYOUT_PAGE, include_frame, timeout_seconds)
        return responses.to_numbers(response)

    async def _recognize(
        self,
        image: ImageLike,
        layout: pb.Layout,
        include_frame: bool,
        timeout_seconds: float | None,
    ) -> pb.RecognizeResponse:
        request = pb.RecognizeRequest(
            image=image_messages.to_message(image), include_frame=include_frame, layout=layout
        )
        with async_call_errors(self._endpoint, image_messages.file_name(image)):
            return await self._stub.Recognize(request, **self._options(timeout_seconds))

    async def recognize_batch(
        self,
        images: Iterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> list[Prediction | DigitsError]:
        """Recognize any number of images, in as few messages as possible.

        Args:
            images: Images as for ``recognize``.
            include_frame: Whether to return the frame that the model saw.
            timeout_seconds: The deadline of each message; None for the client's default.

        Returns:
            The result of each image, in order: its prediction or its own error.

        Raises:
            DigitsError: The call failed as a whole.
        """
        encoder = RequestEncoder(include_frame=include_frame)
        return encoder.results(await self._recognize_batch(encoder, images, timeout_seconds))

    async def recognize_number_batch(
        self,
        images: Iterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float | None = None,
    ) -> list[Number | DigitsError]:
        """Recognize any number of images of numbers, in as few messages as possible.

        The arguments and errors are those of ``recognize_batch``.

        Returns:
            The result of each image, in order: its number or its own error.
        """
        encoder = RequestEncoder(include_frame=include_frame, layout=pb.LAYOUT_NUMBER)
        return encoder.numbers(await self._recognize_batch(encoder, images, timeout_seconds))

    async def _recognize_batch(
        self,
        encoder: RequestEncoder,
        images: Iterable[ImageLike],
        timeout_seconds: float | None,
    ) -> list[BatchResult]:
        messages: list[BatchResult] = []
        batches = image_messages.Batches(map(encoder.message, images))
        for batch in batches:
            request = encoder.batch_request(batch)
            try:
                with async_call_errors(self._endpoint):
                    response = await self._stub.RecognizeBatch(
                        request, **self._options(timeout_seconds)
                    )
            except DigitsError as error:
                messages += batches.reject(batch, error)
            else:
                messages.extend(response.results)
        return messages

    async def recognize_stream(
        self,
        images: AsyncIterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float = DEFAULT_STREAM_TIMEOUT_SECONDS,
    ) -> AsyncGenerator[StreamResult, None]:
        """Recognize images as they come; one that a newer image overtakes is skipped.

        Args:
            images: Images as for ``recognize``.
            include_frame: Whether to return the frame that the model saw.
            timeout_seconds: The deadline of the whole stream.

        Yields:
            The result of each image, in order.

        Raises:
            DigitsError: The stream failed as a whole.
        """
        encoder = RequestEncoder(include_frame=include_frame)
        stream = self._recognize_stream(encoder, images, timeout_seconds)
        async with contextlib.aclosing(stream):
            async for result in stream:
                yield result

    async def recognize_number_stream(
        self,
        images: AsyncIterable[ImageLike],
        *,
        include_frame: bool = False,
        timeout_seconds: float = DEFAULT_STREAM_TIMEOUT_SECONDS,
    ) -> AsyncGenerator[StreamResult, None]:
        """Recognize numbers as they come; one that a newer image overtakes is skipped.

        The arguments, results and errors are those of ``recognize_stream``.
        """
        encoder = RequestEncoder(include_frame=include_frame, layout=pb.LAYOUT_NUMBER)
        stream = self._recognize_stream(encoder, images, timeout_seconds)
        async with contextlib.aclosing(stream):
            async for result in stream:
                yield result

    async def _recognize_stream(
        self, encoder: RequestEncoder, images: AsyncIterable[ImageLike], timeout_seconds: float
    ) -> AsyncGenerator[StreamResult, None]:
        with async_call_errors(self._endpoint):
            call = self._stub.StreamingRecognize(
                encoder.async_stream_requests(images), **self._options(timeout_seconds)
            )
            try:
                async with contextlib.aclosing(read_responses(call)) as received:
                    async for response in received:
                        yield encoder.stream_result(response)
            finally:
                call.cancel()
        encoder.raise_failure()

    async def recognize_folder(
        self,
        folder: FilePath,
        *,
        recursive: bool = True,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        give_up_seconds: float = GIVE_UP_SECONDS,
    ) -> AsyncGenerator[FileResult, None]:
        """Recognize the images of a folder like ``digits-batch``, in batches.

        A file that cannot be read or recognized has its error as result and does not stop the
        others. If the server becomes unavailable or overloaded, calls are retried.

        Args:
            folder: A folder, or any other argument of ``digits-batch``: a file, a glob, an
                archive, a URL.
            recursive: Whether to enter the folders below.
            include: Patterns such as ``*.png``. If there are any, only files below the folder
                that match one are taken.
            exclude: Patterns of files and folders to skip.
            give_up_seconds: The longest time without a response, once the server was reached.

        Yields:
            The path and the result of each file, sorted by path.

        Raises:
            DigitsError: The server is unreachable, sent no response for ``give_up_seconds``, or
                denied access.
        """
        selection = Selection(recursive, tuple(include), tuple(exclude))
        items = find([os.fspath(folder)], selection)
        limits = (await self.model()).limits
        groups = recognize_items(self.sender, items, limits, give_up_seconds=give_up_seconds)
        async with contextlib.aclosing(groups):
            async for group in groups:
                for path, result in group:
                    yield FileResult(path, responses.to_result(result))

    async def model(self, *, timeout_seconds: float | None = None) -> Model:
        """Return the model that the server runs, and the server's limits.

        Raises:
            DigitsError: The call failed.
        """
        with async_call_errors(self._endpoint):
            response = await self._stub.GetModel(
                pb.GetModelRequest(), **self._options(timeout_seconds)
            )
        return responses.to_model(response)

    def _options(self, timeout_seconds: float | None) -> dict[str, Any]:
        if self._is_closed:  # gRPC would raise errors of its own
            raise closed_error()
        return {
            "timeout": self._timeout_seconds if timeout_seconds is None else timeout_seconds,
            "metadata": token_metadata(self._token_file),
        }
