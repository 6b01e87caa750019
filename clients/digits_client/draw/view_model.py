"""The texts, numbers and tones that the window shows. Does not use Tk."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from digits_client.results import Number, Prediction, Reason, Verdict

from .events import Connected, Connecting, Disconnected

UNSURE_BELOW: Final = 0.9
"""Confidence below which the second most likely digit is shown too."""


class Tone(enum.Enum):
    """The mood of a text; the theme has a color for each."""

    PLAIN = "plain"
    GOOD = "good"
    UNSURE = "unsure"
    BAD = "bad"


@dataclass(frozen=True)
class PredictionView:
    """The content of the panel next to the sheet."""

    headline: str
    """A digit or a number, "?", or nothing."""
    caption: str
    tone: Tone
    bars: tuple[float, ...]
    """Ten probabilities, 0 to 1, for the digits 0 to 9."""
    place: str = ""
    """Which digit of a number the bars are of."""


@dataclass(frozen=True)
class Status:
    """The state of the connection, shown below the sheet."""

    text: str
    tone: Tone


_NO_BARS: Final = (0.0,) * 10
NO_PREDICTION: Final = PredictionView("", "draw a digit", Tone.PLAIN, _NO_BARS)
NOT_REQUESTED: Final = PredictionView("", "press Recognize", Tone.PLAIN, _NO_BARS)
NO_SERVER: Final = PredictionView("", "no server", Tone.BAD, _NO_BARS)
_CAPTIONS: Final[dict[Reason | None, str]] = {
    Reason.TOO_SMALL: "too small to read",
    Reason.TOO_FAINT: "too faint to read",
}
_SEVERAL: Final = PredictionView("?", "several digits", Tone.UNSURE, _NO_BARS)


def place_shown(number: Number, pointed: int | None) -> int:
    """Return the index of the digit to show: the one pointed at, or the least sure one."""
    if pointed is not None and pointed < len(number.digits):
        return pointed
    return min(range(len(number.digits)), key=lambda index: number.digits[index].confidence)


def number_view(number: Number, place: int, *, reads_numbers: bool) -> PredictionView:
    """Return the view of what was read.

    Args:
        number: What was read.
        place: Index of the digit whose bars are shown.
        reads_numbers: Whether several digits are a number, or not a digit.
    """
    digits = number.digits
    if len(digits) == 1:
        return prediction_view(digits[0])
    if not reads_numbers:
        return _SEVERAL
    tone = Tone.GOOD if number.confidence >= UNSURE_BELOW else Tone.UNSURE
    return PredictionView(
        number.text,
        f"{percent(number.confidence)} sure",
        tone,
        digits[place].probabilities or _NO_BARS,
        f"digit {place + 1} of {len(digits)}: {number.text[place]}",
    )


def prediction_view(prediction: Prediction) -> PredictionView:
    """Return the view of a prediction."""
    match prediction.verdict:
        case Verdict.BLANK:
            return PredictionView("", "blank", Tone.PLAIN, _NO_BARS)
        case Verdict.NOT_A_DIGIT:
            caption = _CAPTIONS.get(prediction.reason, "not a digit")
            return PredictionView("?", caption, Tone.UNSURE, prediction.probabilities or _NO_BARS)
        case Verdict.DIGIT:
            caption, tone = f"{percent(prediction.confidence)} sure", Tone.GOOD
            if prediction.confidence < UNSURE_BELOW:
                caption, tone = f"{caption}, maybe {_second_digit(prediction)}", Tone.UNSURE
            return PredictionView(str(prediction.digit), caption, tone, prediction.probabilities)


def saved_notice(text: str, saved: Sequence[int]) -> str:
    """Return the notice about corrections.

    Args:
        text: What the person meant.
        saved: The indices of the digits that were saved.
    """
    if not saved:
        return f"The drawing was read as {text}: there is nothing to correct."
    if len(text) == 1:
        return f"Saved as a correction: the drawing shows {text}."
    named = ", ".join(f"digit {index + 1} is {text[index]}" for index in saved)
    return f"Saved as corrections: {named}."


def status(event: Connecting | Connected | Disconnected) -> Status:
    """Return the status for the state of the connection."""
    match event:
        case Connecting(address):
            return Status(f"Connecting to {address} …", Tone.UNSURE)
        case Connected(address):
            return Status(f"Connected to {address}", Tone.GOOD)
        case Disconnected(reason, seconds):
            retry = f"Retrying in {seconds:.0f} s." if seconds >= 1 else "Retrying."
            return Status(f"{reason} {retry}", Tone.BAD)


def percent(share: float) -> str:
    """Return a share as a percentage; only a share of 1 is shown as 100%."""
    if 0.9995 <= share < 1:
        return "99.9%"
    if share >= 0.995:
        return f"{share * 100:.1f}%"
    return f"{share * 100:.0f}%"


def unread_pages(count: int) -> str:
    """Return the notice about further pages of a file."""
    return f"{count} further {'page was' if count == 1 else 'pages were'} not read."


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds, with one decimal below 10 ms."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _second_digit(prediction: Prediction) -> int:
    """Return the most likely digit except the predicted one."""
    probabilities = prediction.probabilities
    others = (digit for digit in range(len(probabilities)) if digit != prediction.digit)
    return max(others, key=lambda digit: probabilities[digit])
