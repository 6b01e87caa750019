"""Confidences in words: the same wherever they are shown."""

import math

import pytest

from digits_client.percent import UNSURE_BELOW, digit_sureness, percent, sureness


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        *((1.0, "99.9%"), (0.9996, "99.9%"), (0.9989, "99.9%"), (0.9754, "97.5%")),
        *((0.001, "0.1%"), (0.0004, "0%"), (0.0, "0%")),
    ],
)
def test_a_confidence_is_shown_between_the_limits_of_what_a_model_knows(
    confidence: float, shown: str
) -> None:
    assert percent(confidence) == shown


def test_a_larger_share_is_never_shown_as_a_smaller_percentage() -> None:
    shown = [float(percent(share / 10_000).removesuffix("%")) for share in range(10_001)]
    assert shown == sorted(shown)
    assert shown[-1] == 99.9


def test_what_is_more_likely_wrong_than_right_is_called_not_sure() -> None:
    assert sureness(0.5) == "50.0% sure"
    assert sureness(0.341) == "not sure: 34.1%"


def test_the_second_digit_is_named_only_below_the_limit() -> None:
    shares = (0.0,) * 7 + (0.9, 0.1, 0.0, 0.0)
    assert digit_sureness(7, UNSURE_BELOW, shares) == "90.0% sure"
    below = math.nextafter(UNSURE_BELOW, 0)
    assert digit_sureness(7, below, shares) == "90.0% sure, maybe an 8"
    assert digit_sureness(7, 0.4, ()) == "not sure: 40.0%"


def test_of_two_equally_likely_ones_the_other_one_is_named() -> None:
    assert digit_sureness(1, 0.5, (0.0, 0.5, *(0.0,) * 8, 0.5)).endswith(", maybe not a digit")
