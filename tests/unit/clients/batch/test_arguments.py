"""A share as a number and in percent."""

import argparse

import pytest

from digits_client.batch.arguments import share_or_percent


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.98", 0.98), ("98%", 0.98), ("98 %", 0.98), ("1", 1.0), ("100%", 1.0), ("0.5%", 0.005)],
)
def test_a_share_is_a_number_or_in_percent(text: str, value: float) -> None:
    assert share_or_percent(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("98", "98 is not between 0 and 1; percent are written as 98%"),
        ("-1", "-1 is not between 0 and 1"),
        ("-1%", "-1% is not between 0% and 100%"),
        ("101%", "101% is not between 0% and 100%"),
        ("nan%", "nan% is not between 0% and 100%"),
        ("%", "% is not between 0% and 100%"),
        ("x", "'x' is not a number"),
    ],
)
def test_another_value_is_an_error_that_says_how_to_write_it(text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        share_or_percent(text)
    assert str(caught.value) == message
