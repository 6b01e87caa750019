"""A configurable fake server, and both clients behind one interface.

The server is a real gRPC server on a free port with made-up predictions: the digit of an image
is the last character of its content, its numbers are the words of its content that are made of
digits and "?", and an image without content is an error.
"""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import grpc
import pytest
import trustme
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import (
    AsyncClient,
    Client,
    DigitsError,
    FileResult,
    Model,
    Number,
    Prediction,
    StreamResult,
    UnavailableError,
)
from digits_client.channel import FilePath
from digits_client.errors import DETAILS_KEY
from digits_client.images import ImageLike

Context = grpc.ServicerContext


class FakeRecognizer(pb_grpc.RecognizerServiceServicer):
    """Responds at once, unless it is set to fail or to wait."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[Any] = []
        """The requests received; of a stream, each request."""
        self.attempt_count = 0
        """The number of calls received, including those that failed."""
        self.seconds_left: list[float] = []
        """The time until the deadline of each call, when it arrived."""
        self.failures: Iterator[status_pb2.Status | None] = iter(())
        """The status with which each of the next calls fails; None lets a call succeed."""
        self.arrived = threading.Event()
        """Set when a call has arrived."""
        self.go_on = threading.Event()
        """Calls wait for this event before they respond."""
        self.go_on.set()
        self.max_batch_images = 64
        self.max_message_bytes = 2**22
        self.fails_on: bytes | None = None
        """A batch with an image whose content ends like this fails as a whole."""
        self.missing_result_count = 0
        """The number of results that the response to a batch lacks."""
        self.superseded: set[int] = set()
        """The sequence numbers of images that are reported as superseded."""

    def fail(
        self, code: grpc.StatusCode, count: int | None = 1, *, after: int = 0, details: bytes = b""
    ) -> None:
        """Fail ``count`` calls with a status, None for all, after ``after`` have succeeded."""
        status = status_pb2.Status(code=code.value[0], message="configured failure")
        status.MergeFromString(details)
        failing = itertools.repeat(status) if count is None else [status] * count
        self.failures = itertools.chain([None] * after, failing)

    def Recognize(  # noqa: N802
        self, request: pb.RecognizeRequest, context: Context
    ) -> pb.RecognizeResponse:
        self._begin(context)
        self.requests.append(request)
        result = self._result(request.image, request)
        if result.HasField("error"):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, result.error.message)
        return pb.RecognizeResponse(predictions=result.predictions, numbers=result.numbers)

    def StreamingRecognize(  # noqa: N802
        self, request_iterator: Iterator[pb.StreamingRecognizeRequest], context: Context
    ) -> Iterator[pb.StreamingRecognizeResponse]:
        self._begin(context)
        for request in request_iterator:
            self.requests.append(request)
            response = pb.StreamingRecognizeResponse(sequence=request.sequence)
            if request.sequence in self.superseded:
                response.superseded = True
            else:
                result = self._result(request.image, request)
                response.predictions.extend(result.predictions)
                response.numbers.extend(result.numbers)
                if result.HasField("error"):
                    response.error.CopyFrom(result.error)
            yield response

    def RecognizeBatch(  # noqa: N802
        self, request: pb.RecognizeBatchRequest, context: Context
    ) -> pb.RecognizeBatchResponse:
        self._begin(context)
        if self.fails_on and any(image.encoded.endswith(self.fails_on) for image in request.images):
            context.abort(grpc.StatusCode.INTERNAL, "configured failure")
        if len(request.images) > self.max_batch_images:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "too many images")
        if request.ByteSize() > self.max_message_bytes:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the message is too large")
        self.requests.append(request)
        images = request.images[: len(request.images) - self.missing_result_count]
        return pb.RecognizeBatchResponse(results=[self._result(image, request) for image in images])

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

    def _begin(self, context: Context) -> None:
        self.attempt_count += 1
        self.seconds_left.append(context.time_remaining())
        self.arrived.set()
        failure = next(self.failures, None)
        if failure is not None:
            context.set_trailing_metadata(((DETAILS_KEY, failure.SerializeToString()),))
            code = next(code for code in grpc.StatusCode if code.value[0] == failure.code)
            context.abort(code, failure.message)
        self.go_on.wait()

    def _result(self, image: pb.Image, request: Any) -> pb.RecognizeResult:
        if not image.encoded:
            return pb.RecognizeResult(error=status_pb2.Status(code=3, message="image is unset"))
        include_frame = request.include_frame
        if request.layout in (pb.LAYOUT_NUMBER, pb.LAYOUT_PAGE):
            return self._numbers(image.encoded.decode().split(), include_frame)
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

    def _numbers(self, words: list[str], include_frame: bool) -> pb.RecognizeResult:
        result = pb.RecognizeResult()
        for word in words:
            if not set(word) <= set("0123456789?"):
                continue
            line = len(result.numbers)
            result.numbers.add(text=word, confidence=0.25, box=pb.Box(width=9, height=5))
            for column, character in enumerate(word):
                is_digit = character != "?"
                prediction = result.predictions.add(
                    verdict=pb.VERDICT_DIGIT if is_digit else pb.VERDICT_NOT_A_DIGIT,
                    confidence=0.5,
                    model_version="5",
                    box=pb.Box(left=column, top=line, width=1, height=5),
                    line=line,
                    frame=bytes(784) if include_frame else b"",
                )
                if is_digit:
                    prediction.digit = int(character)
        if not result.numbers:
            result.predictions.add(verdict=pb.VERDICT_BLANK, model_version="5")
        return result


def retry_info(milliseconds: int) -> bytes:
    """Return the details of a status with a retry delay, for ``FakeRecognizer.fail``."""
    info = any_pb2.Any()
    delay = duration_pb2.Duration(nanos=milliseconds * 1_000_000)
    info.Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return bytes(status_pb2.Status(details=[info]).SerializeToString())


@contextlib.contextmanager
def serving(
    fake: FakeRecognizer,
    port: int = 0,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[grpc.ServerInterceptor] = (),
) -> Iterator[None]:
    """Serve a fake on a loopback port."""
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
    """A running fake server."""
    fake = FakeRecognizer()
    with serving(fake):
        yield fake


class AnyClient(Protocol):
    """The methods of both clients, called from asyncio, with streams as lists."""

    async def recognize(self, image: ImageLike, **options: Any) -> Prediction: ...

    async def recognize_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Prediction | DigitsError]: ...

    async def recognize_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]: ...

    async def recognize_number(self, image: ImageLike, **options: Any) -> Number: ...

    async def recognize_page(self, image: ImageLike, **options: Any) -> list[Number]: ...

    async def recognize_number_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Number | DigitsError]: ...

    async def recognize_number_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]: ...

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]: ...

    async def model(self, **options: Any) -> Model: ...


class BlockingAdapter:
    """``Client``, called in a thread."""

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

    async def recognize_number(self, image: ImageLike, **options: Any) -> Number:
        return await asyncio.to_thread(self._client.recognize_number, image, **options)

    async def recognize_page(self, image: ImageLike, **options: Any) -> list[Number]:
        return await asyncio.to_thread(self._client.recognize_page, image, **options)

    async def recognize_number_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Number | DigitsError]:
        return await asyncio.to_thread(self._client.recognize_number_batch, images, **options)

    async def recognize_number_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]:
        return await asyncio.to_thread(
            lambda: list(self._client.recognize_number_stream(images, **options))
        )

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]:
        return await asyncio.to_thread(
            lambda: list(self._client.recognize_folder(folder, **options))
        )

    async def model(self, **options: Any) -> Model:
        return await asyncio.to_thread(self._client.model, **options)


class AsyncAdapter:
    """``AsyncClient``, with streams as lists."""

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
        stream = self._client.recognize_stream(_as_stream(images), **options)
        return [result async for result in stream]

    async def recognize_number(self, image: ImageLike, **options: Any) -> Number:
        return await self._client.recognize_number(image, **options)

    async def recognize_page(self, image: ImageLike, **options: Any) -> list[Number]:
        return await self._client.recognize_page(image, **options)

    async def recognize_number_batch(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[Number | DigitsError]:
        return await self._client.recognize_number_batch(images, **options)

    async def recognize_number_stream(
        self, images: Iterable[ImageLike], **options: Any
    ) -> list[StreamResult]:
        stream = self._client.recognize_number_stream(_as_stream(images), **options)
        return [result async for result in stream]

    async def recognize_folder(self, folder: FilePath, **options: Any) -> list[FileResult]:
        return [result async for result in self._client.recognize_folder(folder, **options)]

    async def model(self, **options: Any) -> Model:
        return await self._client.model(**options)


async def _as_stream(images: Iterable[ImageLike]) -> AsyncIterator[ImageLike]:
    for image in images:
        yield image


@pytest.fixture(params=["Client", "AsyncClient"])
async def client(
    request: pytest.FixtureRequest, server: FakeRecognizer
) -> AsyncIterator[AnyClient]:
    """Each of the two clients, connected to the server."""
    if request.param == "Client":
        with Client(server.address) as blocking:
            yield BlockingAdapter(blocking)
    else:
        async with AsyncClient(server.address) as client:
            yield AsyncAdapter(client)


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    """A certificate authority."""
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> Path:
    """The certificate of the authority, as a file."""
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def server_credentials(name: str, ca: trustme.CA) -> grpc.ServerCredentials:
    """Return the credentials of a server with a certificate for a name."""
    certificate = ca.issue_cert(name)
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


def get_model_blocking(address: str, **options: Any) -> Model:
    """Get the model with a ``Client``."""
    with Client(address, timeout_seconds=5, **options) as client:
        return client.model()


def get_model_async(address: str, **options: Any) -> Model:
    """Get the model with an ``AsyncClient``."""

    async def get() -> Model:
        async with AsyncClient(address, timeout_seconds=5, **options) as client:
            return await client.model()

    return asyncio.run(get())


@pytest.fixture(params=[get_model_blocking, get_model_async])
def get_model(request: pytest.FixtureRequest) -> Callable[..., Model]:
    """A function that creates a client and gets the model, for each of the two clients."""
    return request.param  # type: ignore[no-any-return]


def diagnosis(
    get_model: Callable[..., Model],
    address: str,
    kind: type[DigitsError] = UnavailableError,
    **options: Any,
) -> str:
    """Return the message of the error of a call that is expected to fail."""
    with pytest.raises(kind) as raised:
        get_model(address, **options)
    return str(raised.value)
