"""The texts, numbers and tones that the window shows. Does not use Tk."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from digits_client.percent import (
    NOT_A_DIGIT_TEXT,
    UNSURE_BELOW,
    digit_sureness,
    indefinite,
    sureness,
)
from digits_client.results import Number, Prediction, Reason, Verdict

from .events import Connected, Connecting, Disconnected, StartingServer


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
    """Eleven shares of the whole, 0 to 1: of the digits 0 to 9, and of what is not a digit. The
    largest is that of the verdict."""
    place: str = ""
    """Which digit of a number the bars are of."""


@dataclass(frozen=True)
class Status:
    """The state of the connection, shown below the sheet."""

    text: str
    tone: Tone


_NO_BARS: Final = (0.0,) * 11
NO_PREDICTION: Final = PredictionView("", "", Tone.PLAIN, _NO_BARS)
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
    return min(range(len(number.digits)), key=lambda index: number.digits[index].share)


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
        sureness(number.confidence),
        tone,
        digits[place].shares or _NO_BARS,
        f"digit {place + 1} of {len(digits)}: {number.text[place]}",
    )


def prediction_view(prediction: Prediction) -> PredictionView:
    """Return the view of a prediction."""
    match prediction.verdict:
        case Verdict.BLANK:
            return PredictionView("", "blank", Tone.PLAIN, _NO_BARS)
        case Verdict.NOT_A_DIGIT:
            caption = _CAPTIONS.get(prediction.reason, NOT_A_DIGIT_TEXT)
            return PredictionView("?", caption, Tone.UNSURE, prediction.shares or _NO_BARS)
        case Verdict.DIGIT:
            tone = Tone.GOOD if prediction.share >= UNSURE_BELOW else Tone.UNSURE
            digit, shares = prediction.digit or 0, prediction.shares
            caption = digit_sureness(digit, prediction.share, shares)
            return PredictionView(str(digit), caption, tone, shares or _NO_BARS)


def saved_notice(text: str, saved: Sequence[int]) -> str:
    """Return the notice about corrections.

    Args:
        text: What the person meant.
        saved: The indices of the digits that were saved.
    """
    if not saved:
        return f"The drawing was read as {indefinite(text)}: there is nothing to correct."
    if text == NOT_A_DIGIT_TEXT:
        return "Saved as a correction: the drawing is not a digit."
    if len(text) == 1:
        return f"Saved as a correction: the drawing shows {indefinite(text)}."
    named = ", ".join(f"digit {index + 1} is {indefinite(text[index])}" for index in saved)
    return f"Saved as corrections: {named}."


def status(event: Connecting | StartingServer | Connected | Disconnected) -> Status:
    """Return the status for the state of the connection."""
    match event:
        case Connecting(address):
            return Status(f"Connecting to {address} …", Tone.UNSURE)
        case StartingServer(None):
            return Status("Starting a server for this window …", Tone.UNSURE)
        case StartingServer(address):
            return Status(
                f"No server is running at {address}: starting one for this window …", Tone.UNSURE
            )
        case Connected(address, _, is_private):
            return Status(
                "Connected to a server of this window" if is_private else f"Connected to {address}",
                Tone.GOOD,
            )
        case Disconnected(reason, seconds):
            retry = f"Retrying in {seconds:.0f} s." if seconds >= 0.5 else "Retrying …"
            return Status(f"{reason} {retry}", Tone.BAD)


def unread_pages(count: int) -> str:
    """Return the notice about further pages of a file."""
    return f"{count} further {'page was' if count == 1 else 'pages were'} not read."


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds, with one decimal below 10 ms."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
