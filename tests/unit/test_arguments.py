"""Types of command-line arguments that several packages have."""

import argparse
import re
from collections.abc import Callable

import pytest

from digits.arguments import host_name, log_level, number, whole_number


def test_a_value_within_the_limits_is_accepted() -> None:
    assert [whole_number(1, 9)(text) for text in ("1", "9", "09")] == [1, 9, 9]
    assert whole_number(-5, 5)("-5") == -5
    assert whole_number(1)("1000000") == 1_000_000
    assert number("-1e3") == -1000
    assert log_level("Warning") == "WARNING"


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (whole_number(1, 9), "0", "'0' is not a whole number from 1 to 9"),
        (whole_number(1, 9), "10", "'10' is not a whole number from 1 to 9"),
        (whole_number(1, 9), "1.5", "'1.5' is not a whole number from 1 to 9"),
        (whole_number(1, 9), "1_0", "'1_0' is not a whole number from 1 to 9"),
        (whole_number(1, 9), " 5", "' 5' is not a whole number from 1 to 9"),
        (whole_number(1, 9), "", "'' is not a whole number from 1 to 9"),
        (whole_number(1, 9), "9" * 5000, f"'{'9' * 5000}' is not a whole number from 1 to 9"),
        (whole_number(1), "0", "'0' is not a whole number of at least 1"),
        (number, "soon", "'soon' is not a number"),
        (log_level, "Loud", "'Loud' is not one of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_rejected_with_the_limits(
    parse: Callable[[str], float | str], text: str, message: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(message)}$"):
        parse(text)


@pytest.mark.parametrize("host", ["localhost", "::1", "ziffern.example", "zählen.example", "a."])
def test_a_host_that_may_exist_is_accepted(host: str) -> None:
    assert host_name(host) == host


@pytest.mark.parametrize("host", ["127..0.0.1", ".example", "x" * 64, "\udcff"])
def test_a_host_that_cannot_be_looked_up_is_rejected(host: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a host name or address"):
        host_name(host)
