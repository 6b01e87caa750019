"""Comparing numbers digit by digit."""

import random

import pytest

from digits_client.edit_distance import align


@pytest.mark.parametrize(
    ("label", "text", "pairs"),
    [
        ("2026", "2026", ["22", "00", "22", "66"]),
        ("2026", "2025", ["22", "00", "22", "65"]),
        ("2026", "226", ["22", "0", "22", "66"]),
        ("17", "1?", ["11", "7?"]),
        ("7", "", ["7"]),
    ],
)
def test_each_digit_is_compared_with_what_it_was_read_as(
    label: str, text: str, pairs: list[str]
) -> None:
    assert ["".join(pair) for pair in align(label, text)] == pairs


def test_an_alignment_has_all_digits_and_as_few_differences_as_possible() -> None:
    rng = random.Random(3)
    for _ in range(300):
        label, text = ("".join(rng.choices("127", k=rng.randrange(6))) for _ in range(2))
        pairs = align(label, text)
        assert "".join(digit for digit, _ in pairs) == label
        assert "".join(read for _, read in pairs) == text
        assert sum(digit != read for digit, read in pairs) == distance(label, text)


def distance(label: str, text: str) -> int:
    """Return the edit distance by its definition."""
    if not label or not text:
        return len(label) + len(text)
    return min(
        distance(label[1:], text[1:]) + (label[0] != text[0]),
        distance(label[1:], text) + 1,
        distance(label, text[1:]) + 1,
    )
