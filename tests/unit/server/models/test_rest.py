"""The share that is not a digit agrees with the verdict, whatever the threshold."""

import numpy as np
import pytest

from digits_server.models.rest import rest_shares


@pytest.mark.parametrize("class_count", [10, 11, 12])
@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.2981, 0.5, 0.9, 1.0])
def test_the_rest_is_the_largest_share_exactly_if_the_verdict_is_not_a_digit(
    class_count: int, threshold: float
) -> None:
    rng = np.random.default_rng(class_count)
    probs = rng.dirichlet(np.full(class_count, 0.3), 2000)
    digits = probs[:, :10]
    highest, sums = digits.max(axis=1), digits.sum(axis=1)
    is_digit = highest >= threshold
    rest = rest_shares(highest, sums, is_digit, threshold)
    top = highest / sums * (1 - rest)
    assert np.all((rest >= 0) & (rest <= 1))
    assert np.all(top[is_digit] >= rest[is_digit] - 1e-12)
    assert np.all(top[~is_digit] <= rest[~is_digit] + 1e-12)


def test_the_rest_falls_as_the_digit_becomes_more_probable() -> None:
    sums = np.linspace(0.001, 0.999, 500)
    highest = 0.9 * sums
    rest = rest_shares(highest, sums, highest >= 0.3, 0.3)
    assert np.all(np.diff(rest) < 0)
    assert rest[0] > 0.99
    assert rest[-1] < 0.01


def test_a_network_without_a_class_for_it_has_no_rest_beside_a_digit() -> None:
    highest, sums = np.array([0.9, 0.4]), np.ones(2)
    rest = rest_shares(highest, sums, highest >= 0.5, 0.5)
    assert rest[0] == 0
    assert rest[1] == pytest.approx(0.4 * (1 - rest[1]))


def test_without_any_share_of_digits_the_rest_is_everything() -> None:
    zero = np.zeros(1)
    assert rest_shares(zero, zero, zero > 1, 0.3) == [1]
