"""Confidences in words, on terminals and pages."""

from typing import Final

_GREATEST: Final = 0.999
_LEAST: Final = 0.001


def percent(confidence: float) -> str:
    """Return a confidence or a probability, 0 to 1, as a percentage.

    It is at most 99.9%, because no model is certain, and at least <0.1%. A share of images is not
    a confidence: it may be 100%.
    """
    if confidence < _LEAST / 2:
        return f"<{_LEAST:.1%}"
    return f"{min(confidence, _GREATEST):.1%}"
