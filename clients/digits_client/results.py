"""The results of calls: plain values without protobuf."""

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .errors import DigitsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Verdict(enum.StrEnum):
    """The kind of content found in an image; it prints as its word."""

    DIGIT = "digit"
    NOT_A_DIGIT = "not_a_digit"
    BLANK = "blank"


class Reason(enum.StrEnum):
    """Why an image is not classified as a digit; it prints as its word."""

    NO_DIGIT = "no_digit"
    """The ink does not look like a digit."""
    TOO_SMALL = "too_small"
    """The ink is too small to read."""
    TOO_FAINT = "too_faint"
    """The ink is too faint to read."""
    SEVERAL_DIGITS = "several_digits"
    """The image holds several digits: a number reads them."""


class Box(NamedTuple):
    """A rectangle in pixels of an image, after an EXIF orientation was applied."""

    left: int
    top: int
    width: int
    height: int


def _line(value: object, **shown: object) -> str:
    """Return a value as one line, with those of its fields that are not None."""
    fields = (f"{name}={field}" for name, field in shown.items() if field is not None)
    return f"{type(value).__name__}({', '.join(fields)})"


@dataclass(frozen=True)
class Prediction:
    """The model's prediction for one digit."""

    verdict: Verdict
    digit: int | None
    """0 to 9 with the verdict DIGIT, else None."""
    confidence: float
    """The confidence of the model, 0 to 1; 0 without probabilities."""
    probabilities: tuple[float, ...]
    """The probabilities of the digits 0 to 9, which sum to 1. Empty for a blank image, for ink that
    is too small or too faint to read, for several digits, and for characters that are no number."""
    model_version: str
    """The version of the model that made the prediction."""
    frame: "NDArray[np.uint8] | None" = None
    """The frame, (28, 28): 0 without ink, 255 with full ink. None unless requested."""
    reason: Reason | None = None
    """The reason with the verdict NOT_A_DIGIT, if the server reports one that is known here."""
    reading: str = ""
    """The name of the reading of the image that was taken, for debugging; the names may change."""
    unread_pages: int = 0
    """The number of further pages or frames of the file, which were not looked at."""
    box: Box | None = None
    """Where the digit is in the image, if it is a digit of a number."""
    not_a_digit: float | None = None
    """The probability that the ink is not a digit; ``probabilities`` times the rest are shares of
    the whole. The largest share with the verdict NOT_A_DIGIT only. None without probabilities, and
    from a server that does not report it."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Eleven shares of the whole, 0 to 1: of the digits 0 to 9, and of what is not a digit.

        The largest is that of the verdict. Empty without probabilities, and for ink that is not a
        digit if the server does not report ``not_a_digit``: shares of the digits alone would
        contradict the verdict.
        """
        rest = self.not_a_digit
        if not self.probabilities or (rest is None and self.verdict is not Verdict.DIGIT):
            return ()
        rest = rest or 0.0
        return (*(probability * (1 - rest) for probability in self.probabilities), rest)

    @property
    def share(self) -> float:
        """The share of the most likely digit, 0 to 1: how sure it is, as shown to people."""
        return self.confidence * (1 - (self.not_a_digit or 0.0))

    def __repr__(self) -> str:
        return _line(
            self,
            verdict=self.verdict,
            digit=self.digit,
            reason=self.reason,
            confidence=round(self.confidence, 4),
            model_version=self.model_version,
            unread_pages=self.unread_pages or None,
            box=self.box and tuple(self.box),
        )

    def _repr_html_(self) -> str:
        from . import notebook  # imported late, because only notebooks need it

        return notebook.prediction_html(self)


@dataclass(frozen=True)
class Number:
    """One line of digits."""

    text: str
    """The digits from left to right, such as "2026"; "?" for a place that is not a digit. Empty for
    an image without a digit."""
    confidence: float
    """The probability that all of the text is right, 0 to 1."""
    digits: tuple[Prediction, ...]
    """The prediction for each place of the text. For an image without a digit, the one that says
    why."""
    box: Box | None
    """Where the number is in the image; None for an image without a digit."""

    @property
    def share(self) -> float:
        """How sure the text is, 0 to 1, as shown to people: of one digit, the share of it."""
        return self.digits[0].share if len(self.digits) == 1 else self.confidence

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return _line(
            self,
            text=repr(self.text),
            confidence=round(self.confidence, 4),
            box=self.box and tuple(self.box),
        )

    def _repr_html_(self) -> str:
        from . import notebook

        return notebook.number_html(self.text, self.share, self.digits)


@dataclass(frozen=True)
class StreamResult:
    """The result of one image of a stream: exactly one of the other fields is set."""

    sequence: int
    """The number of the image, counted from 0."""
    prediction: Prediction | None = None
    number: Number | None = None
    error: DigitsError | None = None
    superseded: bool = False
    """True if a newer image arrived before this one was recognized."""


@dataclass(frozen=True)
class FileResult:
    """The result of one file."""

    path: str
    """The path by which it was found; bytes that are not text are escaped by ``os.fsdecode``."""
    result: Prediction | DigitsError
    """The prediction, or the error that prevented one."""

    def _repr_html_(self) -> str:
        from . import notebook

        return notebook.file_html(self.path, self.result)


@dataclass(frozen=True)
class Limits:
    """The limits of a server."""

    max_image_bytes: int
    """The size of one encoded image."""
    max_image_pixels: int
    """The pixels of one decoded image."""
    max_batch_images: int
    """The images in one message."""
    max_message_bytes: int
    """The size of one message."""
    max_number_digits: int = 0
    """The digits of one line; 0 from a server that does not read numbers."""
    max_page_lines: int = 0
    """The lines of one page; 0 from a server that does not read numbers."""


@dataclass(frozen=True)
class Model:
    """The model that a server runs, and the server's limits."""

    version: str
    labels: tuple[str, ...]
    """The labels of the probabilities, in their order."""
    mnist_test_accuracy: float
    """The share of MNIST's test images that it recognizes correctly."""
    frame_recipe: str
    """The identifier of the steps that turn an image into a frame."""
    precision: str
    """The precision in which it computes: "float32" or "int8"; empty if the server does not
    report it."""
    limits: Limits

    @property
    def title(self) -> str:
        """The version and the precision, to show to people: "4 int8"."""
        return f"{self.version} {self.precision}".rstrip()
