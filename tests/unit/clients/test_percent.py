"""Confidences in words."""

import pytest

from digits_client.percent import percent


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        *((1.0, "99.9%"), (0.9996, "99.9%"), (0.9989, "99.9%"), (0.9754, "97.5%")),
        *((0.001, "0.1%"), (0.0004, "<0.1%"), (0.0, "<0.1%")),
    ],
)
def test_a_confidence_is_shown_between_the_limits_of_what_a_model_knows(
    confidence: float, shown: str
) -> None:
    assert percent(confidence) == shown
