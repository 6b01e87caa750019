"""Images on their way out, and the errors of those that never left.

An image that cannot be read here is sent as an unset one, so that counts and order stay
those of the caller; the server's answer to it gives way to the error that it had here.
"""

from collections.abc import Iterable

from digits.v1 import recognizer_pb2 as pb

from . import results
from .errors import DigitsError, InvalidImageError
from .images import ImageLike, message
from .results import Prediction, StreamAnswer


class Outbox:
    """The images of one call, numbered from 0 as they are sent."""

    def __init__(self, *, include_frame: bool) -> None:
        """Prepare; ``include_frame`` holds for every image of a stream."""
        self._include_frame = include_frame
        self._sent_count = 0
        self._errors: dict[int, InvalidImageError] = {}

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

    def results(self, answered: Iterable[pb.RecognizeResult]) -> list[Prediction | DigitsError]:
        """Return the results of all the images, in the order in which they were sent."""
        return [
            self._errors.get(place) or results.result(answer)
            for place, answer in enumerate(answered)
        ]

    def stream_answer(self, answer: pb.StreamingRecognizeResponse) -> StreamAnswer:
        """Return one answer of a stream."""
        error = self._errors.pop(answer.sequence, None)
        return (
            StreamAnswer(answer.sequence, error=error) if error else results.stream_answer(answer)
        )
