"""A small server that does as it is told, and both clients as one.

It is a real gRPC server on a free port; what it answers is made up: the digit of an
image is the last figure of its content, and an image without content is refused.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import grpc
import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import (
    AsyncClient,
    Client,
    DigitsError,
    FileResult,
    Model,
    Prediction,
    StreamResult,
)
from digits_client.channel import FilePath
from digits_client.errors import DETAILS_KEY
from digits_client.images import ImageLike

Context = grpc.ServicerContext


class FakeRecognizer(pb_grpc.RecognizerServiceServicer):
    """Answers at once, unless told to fail or to hold."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[Any] = []
        """What has come, streams by their single requests."""
        self.attempt_count = 0
        """Of calls, the failed ones among them."""
        self.seconds_left: list[float] = []
        """Until each call's deadline, as the call came."""
        self.failures: Iterator[status_pb2.Status | None] = iter(())
        """With which the next calls end, one each; None lets one pass."""
        self.arrived = threading.Event()
        """A call has come."""
        self.go_on = threading.Event()
        """Calls wait for it before they answer."""
        self.go_on.set()
        self.max_batch_images = 64
        self.max_message_bytes = 2**22
        self.fails_on: bytes | None = None
        """The content's end of an image at which a whole message fails."""
        self.superseded: set[int] = set()
        """Sequences that are answered as overtaken."""

    def fail(
        self, code: grpc.StatusCode, count: int | None = 1, *, after: int = 0, details: bytes = b""
    ) -> None:
        """End calls with a status: ``count`` of them, None for all, once ``after`` passed."""
        status = status_pb2.Status(code=code.value[0], message="as it was told")
        status.MergeFromString(details)
        failing = itertools.repeat(status) if count is None else [status] * count
        self.failures = itertools.chain([None] * after, failing)

    def Recognize(  # noqa: N802
        self, request: pb.RecognizeRequest, context: Context
    ) -> pb.RecognizeResponse:
        self._begin(context)
        self.requests.append(request)
        result = self._result(request.image, request.include_frame)
        if result.HasField("error"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, result.error.message)
        return pb.RecognizeResponse(predictions=result.predictions)

    def StreamingRecognize(  # noqa: N802
        self, request_iterator: Iterator[pb.StreamingRecognizeRequest], context: Context
    ) -> Iterator[pb.StreamingRecognizeResponse]:
        # A call is failed once its requests are in: where it ends while asyncio's gRPC still
        # sends, that may report INTERNAL in the status' place (grpc/grpc issue 36066).
        self._begin(context, before_failing=lambda: list(request_iterator))
        for request in request_iterator:
            self.requests.append(request)
            response = pb.StreamingRecognizeResponse(sequence=request.sequence)
            if request.sequence in self.superseded:
                response.superseded = True
            else:
                result = self._result(request.image, request.include_frame)
                response.predictions.extend(result.predictions)
                if result.HasField("error"):
                    response.error.CopyFrom(result.error)
            yield response

    def RecognizeBatch(  # noqa: N802
        self, request: pb.RecognizeBatchRequest, context: Context
    ) -> pb.RecognizeBatchResponse:
        self._begin(context)
        if self.fails_on and any(image.encoded.endswith(self.fails_on) for image in request.images):
            context.abort(grpc.StatusCode.INTERNAL, "as it was told")
        self.requests.append(request)
        return pb.RecognizeBatchResponse(
            results=[self._result(image, request.include_frame) for image in request.images]
        )

    def GetModel(  # noqa: N802
        self, request: pb.GetModelRequest, context: Context
    ) -> pb.GetModelResponse:
        self._begin(context)
        return pb.GetModelResponse(
            model=pb.Model(version="5", labels="0123456789", mnist_test_accuracy=0.5),
            limits=pb.Limits(
                max_image_bytes=1000,
                max_batch_images=self.max_batch_images,
                max_message_bytes=self.max_message_bytes,
            ),
        )

    def _begin(self, context: Context, before_failing: Callable[[], object] = lambda: None) -> None:
        self.attempt_count += 1
        self.seconds_left.append(context.time_remaining())
        self.arrived.set()
        failure = next(self.failures, None)
        if failure is not None:
            before_failing()
            context.set_trailing_metadata(((DETAILS_KEY, failure.SerializeToString()),))
            code = next(code for code in grpc.StatusCode if code.value[0] == failure.code)
            context.abort(code, failure.message)
        self.go_on.wait()

    def _result(self, image: pb.Image, include_frame: bool) -> pb.RecognizeResult:
        if not image.encoded:
            return pb.RecognizeResult(error=status_pb2.Status(code=3, message="image is unset"))
        digit = int(image.encoded[-1:])
        return pb.RecognizeResult(
            predictions=[
                pb.Prediction(
                    verdict=pb.VERDICT_DIGIT,
                    digit=digit,
                    confidence=0.5,
                    model_version="5",
                    frame=bytes(784) if include_frame else b"",
                )
            ]
        )


@contextlib.contextmanager
def serving(
    fake: FakeRecognizer,
    port: int = 0,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[grpc.ServerInterceptor] = (),
) -> Iterator[None]:
    """Have a fake answer on a port of loopback."""
    running = grpc.server(
        ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)], interceptors=list(interceptors)
    )
    pb_grpc.add_RecognizerServiceServicer_to_server(fake, running)
    where = f"127.0.0.1:{port}"
    bound = (
        running.add_secure_port(where, credentials)
        if credentials
        else running.add_insecure_port(where)
    )
    fake.address = f"127.0.0.1:{bound}"
    running.start()
    try:
        yield
    finally:
        fake.go_on.set()
        running.stop(None).wait()


@pytest.fixture
def server() -> Iterator[FakeRecognizer]:
    """A server with the fake behind it."""
    fake = FakeRecognizer()
    with serving(fake):
        yield fake


class Face(Protocol):
    """What both clients offer, asked from within asyncio. Streams are taken as lists."""

    async def recognize(self, image: ImageLike, **options: Any) -> Prediction: ...

    async def recognize_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Prediction | DigitsError]: ...

    async def recognize_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]: ...

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]: ...

    async def model(self, **options: Any) -> Model: ...


class BlockingFace:
    """``Client``, in a thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def recognize(self, image: ImageLike, **options: Any) -> Prediction:
        return await asyncio.to_thread(self._client.recognize, image, **options)

    async def recognize_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Prediction | DigitsError]:
        return await asyncio.to_thread(self._client.recognize_batch, images, **options)

    async def recognize_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]:
        return await asyncio.to_thread(
            lambda: list(self._client.recognize_stream(images, **options))
        )

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]:
        return await asyncio.to_thread(
            lambda: list(self._client.recognize_folder(folder, **options))
        )

    async def model(self, **options: Any) -> Model:
        return await asyncio.to_thread(self._client.model, **options)


class AsyncFace:
    """``AsyncClient``, given and giving lists."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def recognize(self, image: ImageLike, **options: Any) -> Prediction:
        return await self._client.recognize(image, **options)

    async def recognize_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Prediction | DigitsError]:
        return await self._client.recognize_batch(images, **options)

    async def recognize_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]:
        async def later() -> AsyncIterator[ImageLike]:
            for image in images:
                yield image

        return [answer async for answer in self._client.recognize_stream(later(), **options)]

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]:
        return [answer async for answer in self._client.recognize_folder(folder, **options)]

    async def model(self, **options: Any) -> Model:
        return await self._client.model(**options)


@pytest.fixture(params=["Client", "AsyncClient"])
async def client(request: pytest.FixtureRequest, server: FakeRecognizer) -> AsyncIterator[Face]:
    """Each of the two clients in turn, connected to the server."""
    if request.param == "Client":
        with Client(server.address) as blocking:
            yield BlockingFace(blocking)
    else:
        async with AsyncClient(server.address) as client:
            yield AsyncFace(client)
