"""How sure a result is, in words: the same on terminals, in the window, notebooks and reports.

The web page has the same rules in ``texts.js`` and ``prediction.js``.
"""

from collections.abc import Sequence
from typing import Final

UNSURE_BELOW: Final = 0.9
"""Confidence below which the second most likely digit is shown too."""
NOT_SURE_BELOW: Final = 0.5
"""Confidence below which a result is more likely wrong than right, which the words say."""
NOT_A_DIGIT_TEXT: Final = "not a digit"

_GREATEST: Final = 0.999
_LEAST: Final = 0.0005


def percent(confidence: float) -> str:
    """Return a confidence or a probability, 0 to 1, as a percentage.

    It is at most 99.9%, because no model is certain. A share of images is not a confidence: it may
    be 100%.
    """
    return f"{min(confidence, _GREATEST):.1%}" if confidence >= _LEAST else "0%"


def sureness(confidence: float) -> str:
    """Return how sure a digit or a number is."""
    if confidence < NOT_SURE_BELOW:
        return f"not sure: {percent(confidence)}"
    return f"{percent(confidence)} sure"


def digit_sureness(digit: int, share: float, shares: Sequence[float]) -> str:
    """Return how sure a digit is, and what else it may be if it is not sure.

    Args:
        digit: The predicted digit.
        share: Its share of the whole, 0 to 1.
        shares: The eleven shares of the prediction; empty if they are not known.
    """
    words = sureness(share)
    if share >= UNSURE_BELOW or not shares:
        return words
    others = (index for index in range(len(shares)) if index != digit)
    second = max(others, key=lambda index: shares[index])
    return f"{words}, maybe {indefinite(str(second)) if second < 10 else NOT_A_DIGIT_TEXT}"


def indefinite(text: str) -> str:
    """Return a digit with its article, such as "an 8"; a number stays as it is."""
    if len(text) != 1:
        return text
    return f"an {text}" if text == "8" else f"a {text}"
