"""The texts, numbers and tones that the window shows. Does not use Tk."""

import enum
from dataclasses import dataclass
from typing import Final

from digits_client.results import Prediction, Reason, Verdict

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
    """A digit, "?", or nothing."""
    caption: str
    tone: Tone
    bars: tuple[float, ...]
    """Ten probabilities, 0 to 1, for the digits 0 to 9."""


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
