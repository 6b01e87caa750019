"""Sends batches of encoded images, one message each."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from digits.endpoint import Endpoint
from digits.v1 import recognizer_pb2 as pb
from digits_client.errors import DigitsError, ServerFailureError, async_call_errors

if TYPE_CHECKING:
    from digits.v1.recognizer_pb2_grpc import RecognizerServiceAsyncStub

BatchResult = pb.RecognizeResult | DigitsError
"""The result of one image: as the server sent it, or the error that prevented one."""


class BatchSender:
    """Sends the contents of image files, and returns the results as they arrived."""

    def __init__(
        self,
        stub: "RecognizerServiceAsyncStub",
        call_options: Callable[[float | None], dict[str, Any]],
        endpoint: Endpoint,
        layout: pb.Layout = pb.LAYOUT_DIGIT,
    ) -> None:
        """Store the arguments.

        Args:
            stub: The stub of an asyncio channel.
            call_options: Returns the options of a call with a deadline in seconds.
            endpoint: The server, for the messages of errors.
            layout: What each image holds.
        """
        self._stub = stub
        self._call_options = call_options
        self._endpoint = endpoint
        self._layout = layout

    def with_layout(self, layout: pb.Layout) -> Self:
        """Return a sender of images of a layout over the same channel."""
        return type(self)(self._stub, self._call_options, self._endpoint, layout)

    async def send(self, contents: Sequence[bytes], timeout_seconds: float) -> list[BatchResult]:
        """Recognize images with one message, and return a result for each, in order.

        Args:
            contents: Contents of image files.
            timeout_seconds: The deadline.

        Raises:
            DigitsError: The call failed as a whole.
        """
        request = pb.RecognizeBatchRequest(layout=self._layout)
        for content in contents:
            request.images.add().encoded = content
        with async_call_errors(self._endpoint):
            response = await self._stub.RecognizeBatch(
                request, **self._call_options(timeout_seconds)
            )
        if len(response.results) != len(contents):
            raise ServerFailureError(
                f"the server sent {len(response.results)} results for {len(contents)} images"
            )
        return list(response.results)
