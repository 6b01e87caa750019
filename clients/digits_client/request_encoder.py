"""Images on their way out, and the errors of those that never left.

An image that cannot be read here is sent as an unset one, so that counts and order stay
those of the caller; the server's answer to it gives way to the error that it had here.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from digits.v1 import recognizer_pb2 as pb

from . import results
from .errors import DigitsError, InvalidImageError, ServerFailureError
from .images import ImageLike, message
from .results import Prediction, StreamResult


class RequestEncoder:
    """The images of one call, numbered from 0 as they are sent."""

    def __init__(self, *, include_frame: bool) -> None:
        """Prepare; ``include_frame`` holds for every image of a stream."""
        self._include_frame = include_frame
        self._sent_count = 0
        self._errors: dict[int, InvalidImageError] = {}
        self._failure: Exception | None = None

    def message(self, image: ImageLike) -> pb.Image:
        """Return the next image as a message, an unset one where it cannot be read."""
        place = self._sent_count
        self._sent_count += 1
        try:
            return message(image)
        except InvalidImageError as error:
            self._errors[place] = error
            return pb.Image()

    def stream_request(self, image: ImageLike) -> pb.StreamingRecognizeRequest:
        """Return the next image as a request of a stream."""
        return pb.StreamingRecognizeRequest(
            sequence=self._sent_count,
            image=self.message(image),
            include_frame=self._include_frame,
        )

    def stream_requests(
        self, images: Iterable[ImageLike]
    ) -> Iterator[pb.StreamingRecognizeRequest]:
        """Yield the images as requests; ends early where ``images`` raises."""
        try:
            yield from map(self.stream_request, images)
        except Exception as error:  # noqa: BLE001 - the caller's, for the caller
            self._failure = error

    async def async_stream_requests(
        self, images: AsyncIterable[ImageLike]
    ) -> AsyncIterator[pb.StreamingRecognizeRequest]:
        """Yield the images as requests; ends early where ``images`` raises."""
        try:
            async for image in images:
                yield self.stream_request(image)
        except Exception as error:  # noqa: BLE001 - the caller's, for the caller
            self._failure = error

    def raise_failure(self) -> None:
        """Raise what the caller's images raised, once the answers before it are out.

        gRPC iterates them out of the caller's sight; it would log the error and cancel
        the call, which looks like a fault of the server.
        """
        if self._failure is not None:
            raise self._failure

    def results(self, answered: Iterable[pb.RecognizeResult]) -> list[Prediction | DigitsError]:
        """Return the results of all the images, in the order in which they were sent.

        Raises:
            ServerFailureError: There are more or fewer than images.
        """
        answered = list(answered)
        if len(answered) != self._sent_count:
            raise ServerFailureError(
                f"the server gave {len(answered)} answers for {self._sent_count} images"
            )
        return [
            self._errors.get(place) or results.result(answer)
            for place, answer in enumerate(answered)
        ]

    def stream_result(self, answer: pb.StreamingRecognizeResponse) -> StreamResult:
        """Return one answer of a stream."""
        error = self._errors.pop(answer.sequence, None)
        return (
            StreamResult(answer.sequence, error=error) if error else results.stream_result(answer)
        )
