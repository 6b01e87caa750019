"""A real gRPC server on a free port that chooses its response by the width of an image."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
from google.rpc.status_pb2 import Status

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client.cli.server_options import ServerOptions

GOOD, BAD, REJECTED, OVERTAKEN, BREAKING, LAST, SILENT = range(1, 8)
_ERRORS = {
    BAD: (grpc.StatusCode.INVALID_ARGUMENT, "is bad"),
    REJECTED: (grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded"),
    BREAKING: (grpc.StatusCode.UNAVAILABLE, "going away"),
}
PREDICTION = pb.Prediction(verdict=pb.VERDICT_DIGIT, digit=3)


def image(width: int, size_bytes: int = 1) -> pb.Image:
    return pb.Image(raw=pb.RawImage(width=width, height=1, data=bytes(size_bytes)))


class FakeRecognizer(pb_grpc.RecognizerServiceServicer):
    def __init__(self) -> None:
        self.calls = 0
        self.metadata: list[tuple[str, str]] = []
        self.peers: set[str] = set()

    async def Recognize(  # noqa: N802
        self,
        request: pb.RecognizeRequest,
        context: grpc.aio.ServicerContext[pb.RecognizeRequest, pb.RecognizeResponse],
    ) -> pb.RecognizeResponse:
        self.calls += 1
        self.metadata = [(key, str(value)) for key, value in context.invocation_metadata() or ()]
        self.peers.add(context.peer())
        width = request.image.raw.width
        if width == SILENT:
            await asyncio.sleep(3600)
        if width in _ERRORS:
            await context.abort(*_ERRORS[width])
        return pb.RecognizeResponse(predictions=[PREDICTION])

    async def RecognizeBatch(  # noqa: N802
        self, request: pb.RecognizeBatchRequest, context: object
    ) -> pb.RecognizeBatchResponse:
        return pb.RecognizeBatchResponse(
            results=[
                pb.RecognizeResult(error=_error(image.raw.width))
                if image.raw.width in _ERRORS
                else pb.RecognizeResult(predictions=[PREDICTION])
                for image in request.images
            ]
        )

    async def StreamingRecognize(  # noqa: N802
        self,
        request_iterator: AsyncIterator[pb.StreamingRecognizeRequest],
        context: grpc.aio.ServicerContext[
            pb.StreamingRecognizeRequest, pb.StreamingRecognizeResponse
        ],
    ) -> AsyncIterator[pb.StreamingRecognizeResponse]:
        self.calls += 1
        async for request in request_iterator:
            sequence, width = request.sequence, request.image.raw.width
            if width == BREAKING:
                await context.abort(*_ERRORS[width])
            if width == LAST:
                return
            if width == SILENT:
                await asyncio.sleep(3600)
            if width in _ERRORS:
                yield pb.StreamingRecognizeResponse(sequence=sequence, error=_error(width))
            elif width == OVERTAKEN:
                yield pb.StreamingRecognizeResponse(sequence=sequence, superseded=True)
            else:
                yield pb.StreamingRecognizeResponse(sequence=sequence, predictions=[PREDICTION])

    async def GetModel(  # noqa: N802
        self, request: pb.GetModelRequest, context: object
    ) -> pb.GetModelResponse:
        return pb.GetModelResponse()


def _error(width: int) -> Status:
    code, message = _ERRORS[width]
    return Status(code=code.value[0], message=message)


@contextlib.asynccontextmanager
async def serve(
    recognizer: FakeRecognizer, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[ServerOptions]:
    """Run a server, and yield the options to reach it."""
    server = grpc.aio.server()
    pb_grpc.add_RecognizerServiceServicer_to_server(recognizer, server)
    if credentials:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield ServerOptions(f"127.0.0.1:{port}")
    await server.stop(None)
