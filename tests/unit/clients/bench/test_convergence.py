"""The rule by which repeats are enough."""

import pytest

from digits_client.bench.convergence import Repeats

RULE = Repeats(3, 6, 0.05)


@pytest.mark.parametrize(
    ("figures", "is_stable", "is_over"),
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
def test_it_is_over_when_the_last_ones_agree_or_there_were_enough(
    figures: list[float], is_stable: bool, is_over: bool
) -> None:
    assert (RULE.is_stable(figures), RULE.is_over(figures)) == (is_stable, is_over)


def test_the_settled_ones_count_or_else_all() -> None:
    assert list(RULE.counted([50, 100, 102, 104])) == [1, 2, 3]
    assert list(RULE.counted([1, 2, 3, 4, 5, 6])) == [0, 1, 2, 3, 4, 5]


def test_the_spread_is_of_the_last_ones_as_a_share_of_their_mean() -> None:
    assert RULE.spread([1, 90, 100, 110]) == pytest.approx(0.2)


def test_one_repeat_says_nothing_about_stability() -> None:
    rule = Repeats(1, 1, 0.05)
    assert rule.is_over([7])
    assert not rule.is_stable([7])
    assert rule.spread([7]) is None
    assert list(rule.counted([7])) == [0]
