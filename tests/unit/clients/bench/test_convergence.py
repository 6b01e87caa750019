"""The rule that decides when there are enough repeats."""

import pytest

from digits_client.bench.convergence import Repeats

RULE = Repeats(min_count=3, max_count=6, tolerance=0.05)


@pytest.mark.parametrize(
    ("values", "is_stable", "is_over"),
    [
        ([], False, False),
        ([100, 100], False, False),
        ([100, 102, 104], True, True),
        ([100, 102, 106], False, False),
        ([50, 100, 102, 104], True, True),
        ([100, 102, 104, 50], False, False),
        ([1, 2, 3, 4, 5, 6], False, True),
        ([1, 2, 3, 100, 100, 100], True, True),
        ([0, 0, 0], True, True),
    ],
)
def test_measuring_stops_when_the_last_values_agree_or_at_the_maximum(
    values: list[float], is_stable: bool, is_over: bool
) -> None:
    assert (RULE.is_stable(values), RULE.is_over(values)) == (is_stable, is_over)


def test_only_stable_repeats_count_and_all_of_them_if_none_are_stable() -> None:
    assert list(RULE.counted([50, 100, 102, 104])) == [1, 2, 3]
    assert list(RULE.counted([1, 2, 3, 4, 5, 6])) == [0, 1, 2, 3, 4, 5]


def test_the_spread_is_the_range_of_the_last_values_as_a_share_of_their_mean() -> None:
    assert RULE.spread([1, 90, 100, 110]) == pytest.approx(0.2)


def test_a_single_repeat_is_never_stable() -> None:
    rule = Repeats(min_count=1, max_count=1, tolerance=0.05)
    assert rule.is_over([7])
    assert not rule.is_stable([7])
    assert rule.spread([7]) is None
    assert list(rule.counted([7])) == [0]
