"""What the window says: events of a session as words, numbers and tones. Knows no window."""

import enum
from dataclasses import dataclass
from typing import Final

from digits_client.results import Prediction, Verdict

from .events import Connected, Connecting, Disconnected

UNSURE_BELOW: Final = 0.9
"""The confidence under which the second likeliest digit is named too."""


class Tone(enum.Enum):
    """How something is to be taken; the theme has a colour for each."""

    PLAIN = "plain"
    GOOD = "good"
    UNSURE = "unsure"
    BAD = "bad"


@dataclass(frozen=True)
class Answer:
    """What stands beside the sheet."""

    headline: str
    """A digit, or a sign in its place."""
    caption: str
    tone: Tone
    bars: tuple[float, ...]
    """Ten shares, 0 to 1."""


@dataclass(frozen=True)
class Status:
    """What stands below the sheet."""

    text: str
    tone: Tone


_NO_BARS: Final = (0.0,) * 10
NO_ANSWER: Final = Answer("", "draw a digit", Tone.PLAIN, _NO_BARS)
ASK: Final = Answer("", "press Recognise", Tone.PLAIN, _NO_BARS)
NO_SERVER: Final = Answer("", "no server", Tone.BAD, _NO_BARS)


def answer(prediction: Prediction) -> Answer:
    """Return what to say about a prediction."""
    match prediction.verdict:
        case Verdict.BLANK:
            return Answer("", "blank", Tone.PLAIN, _NO_BARS)
        case Verdict.NOT_A_DIGIT:
            return Answer("?", "no digit I know", Tone.UNSURE, prediction.probabilities)
        case Verdict.DIGIT:
            sure = percent(prediction.confidence)
            if prediction.confidence >= UNSURE_BELOW:
                return Answer(
                    str(prediction.digit), f"{sure} sure", Tone.GOOD, prediction.probabilities
                )
            second = _likeliest_other(prediction)
            return Answer(
                str(prediction.digit),
                f"{sure} sure, or a {second}",
                Tone.UNSURE,
                prediction.probabilities,
            )


def status(event: Connecting | Connected | Disconnected) -> Status:
    """Return what to say about a connection."""
    match event:
        case Connecting(address):
            return Status(f"Connecting to {address} …", Tone.UNSURE)
        case Connected(address):
            return Status(f"Connected to {address}", Tone.GOOD)
        case Disconnected(reason, seconds):
            again = f"Trying again in {seconds:.0f} s." if seconds >= 1 else "Trying again."
            return Status(f"{reason} {again}", Tone.BAD)


def percent(share: float) -> str:
    """Return a share in words; what is not certain is never called 100 %, nor 0."""
    if 0.9995 <= share < 1:
        return "99.9 %"
    if share >= 0.995:
        return f"{share * 100:.1f} %"
    return f"{share * 100:.0f} %"


def milliseconds(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _likeliest_other(prediction: Prediction) -> int:
    shares = prediction.probabilities
    others = (digit for digit in range(len(shares)) if digit != prediction.digit)
    return max(others, key=lambda digit: shares[digit])
