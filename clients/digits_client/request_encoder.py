"""The images of one call as requests, and the errors of those that could not be sent.

An image that cannot be read is sent as an unset one, so that numbers and order stay those of
the caller. Its local error then replaces the server's error for the unset image.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from digits.v1 import recognizer_pb2 as pb

from . import responses
from .bulk.sender import BatchResult
from .errors import DigitsError, InvalidImageError, ServerFailureError, with_name
from .images import ImageLike, file_name, to_message
from .results import Number, Prediction, StreamResult

Result = TypeVar("Result")


class RequestEncoder:
    """Encodes the images of one call, numbered from 0 in the order in which they are sent."""

    def __init__(self, *, include_frame: bool, layout: pb.Layout = pb.LAYOUT_DIGIT) -> None:
        """Prepare to encode.

        Args:
            include_frame: Whether to ask for frames.
            layout: What each image holds: a digit or a number.
        """
        self._include_frame = include_frame
        self._layout = layout
        self._image_count = 0
        self._errors: dict[int, InvalidImageError] = {}
        self._names: dict[int, str] = {}
        self._failure: Exception | None = None

    def message(self, image: ImageLike) -> pb.Image:
        """Return the next image as a message; an unset one if it cannot be read."""
        index = self._image_count
        self._image_count += 1
        if name := file_name(image):
            self._names[index] = name
        try:
            return to_message(image)
        except InvalidImageError as error:
            self._errors[index] = error
            return pb.Image()

    def stream_request(self, image: ImageLike) -> pb.StreamingRecognizeRequest:
        """Return the next image as a request of a stream."""
        return pb.StreamingRecognizeRequest(
            sequence=self._image_count,
            image=self.message(image),
            include_frame=self._include_frame,
            layout=self._layout,
        )

    def batch_request(self, images: Iterable[pb.Image]) -> pb.RecognizeBatchRequest:
        """Return a request with some of the messages."""
        return pb.RecognizeBatchRequest(
            images=images, include_frame=self._include_frame, layout=self._layout
        )

    def stream_requests(
        self, images: Iterable[ImageLike]
    ) -> Iterator[pb.StreamingRecognizeRequest]:
        """Yield the images as requests; stop if ``images`` raises, see ``raise_failure``."""
        try:
            yield from map(self.stream_request, images)
        except Exception as error:  # noqa: BLE001 - raised again by raise_failure()
            self._failure = error

    async def async_stream_requests(
        self, images: AsyncIterable[ImageLike]
    ) -> AsyncIterator[pb.StreamingRecognizeRequest]:
        """Yield the images as requests; stop if ``images`` raises, see ``raise_failure``."""
        try:
            async for image in images:
                yield self.stream_request(image)
        except Exception as error:  # noqa: BLE001 - raised again by raise_failure()
            self._failure = error

    def raise_failure(self) -> None:
        """Raise what the caller's images raised; to be called after the last response.

        gRPC iterates the requests in its own thread or task. It would log the error and cancel
        the call, which looks like a failure of the server.
        """
        if self._failure is not None:
            raise self._failure

    def results(self, messages: Iterable[BatchResult]) -> list[Prediction | DigitsError]:
        """Return the predictions or errors of all images, in the order in which they were sent.

        Raises:
            ServerFailureError: The number of results differs from the number of images.
        """
        return self._convert(messages, responses.to_result)

    def numbers(self, messages: Iterable[BatchResult]) -> list[Number | DigitsError]:
        """Return the numbers or errors of all images, in the order in which they were sent.

        Raises:
            ServerFailureError: The number of results differs from the number of images.
        """
        return self._convert(messages, responses.to_number_result)

    def _convert(
        self,
        messages: Iterable[BatchResult],
        convert: Callable[[BatchResult], Result | DigitsError],
    ) -> list[Result | DigitsError]:
        messages = list(messages)
        if len(messages) != self._image_count:
            raise ServerFailureError(
                f"the server sent {len(messages)} results for {self._image_count} images"
            )
        converted: list[Result | DigitsError] = []
        for index, message in enumerate(messages):
            local_error = self._errors.get(index)
            result = local_error or convert(message)
            if isinstance(result, DigitsError) and not local_error:
                result = with_name(result, self._names.get(index))
            converted.append(result)
        return converted

    def stream_result(self, response: pb.StreamingRecognizeResponse) -> StreamResult:
        """Return the result in a response of a stream."""
        error = self._errors.pop(response.sequence, None)
        if error:
            return StreamResult(response.sequence, error=error)
        is_number = self._layout == pb.LAYOUT_NUMBER
        result = responses.to_stream_result(response, is_number=is_number)
        name = self._names.pop(response.sequence, None)
        return (
            result if result.error is None else replace(result, error=with_name(result.error, name))
        )
