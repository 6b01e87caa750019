"""Types of command-line arguments."""

import argparse
import re
from collections.abc import Callable

import pytest

from digits_client.cli.arguments import non_negative_number, positive_number, share


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (positive_number, "0.5", 0.5),
        (positive_number, "1e3", 1000),
        (non_negative_number, "0", 0),
        (share, "0", 0),
        (share, "0.25", 0.25),
        (share, "1", 1),
    ],
)
def test_a_value_within_the_limits_is_accepted(
    parse: Callable[[str], float], text: str, value: float
) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (positive_number, "0", "0 is not greater than 0"),
        (positive_number, "-1", "-1 is not greater than 0"),
        (positive_number, "x", "'x' is not a number"),
        (positive_number, "inf", "inf is not a finite number"),
        (non_negative_number, "-0.1", "-0.1 is less than 0"),
        (non_negative_number, "nan", "nan is not a finite number"),
        (share, "1.01", "1.01 is not between 0 and 1"),
        (share, "-0.1", "-0.1 is not between 0 and 1"),
        (share, "nan", "nan is not a finite number"),
    ],
)
def test_a_wrong_value_is_rejected_with_the_limits(
    parse: Callable[[str], float], text: str, message: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(message)}$"):
        parse(text)
