"""The share of a prediction that is not a digit, calibrated by the threshold of the verdict."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .engine import DIGIT_COUNT

_LEAST_SUM: Final = np.finfo(np.float64).tiny


def rest_shares(
    highest: NDArray[np.float64],
    sums: NDArray[np.float64],
    is_digit: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.float64]:
    """Return (N,) shares that are not a digit, which fall as digits become more probable.

    The network's own probability would contradict a verdict whose threshold is not 0.5. So its odds
    are weighted such that at the threshold this share is as large as that of the top digit.

    Args:
        highest: (N,) the network's probability of the top digit.
        sums: (N,) that of all ten digits.
        is_digit: (N,) whether the verdict is DIGIT.
        threshold: Minimum probability of the top digit for that verdict.
    """
    conditional = np.maximum(highest / np.maximum(sums, _LEAST_SUM), 1 / DIGIT_COUNT)
    digit = np.maximum(highest - sums * threshold, 0)
    rest = np.maximum(1 - sums, 0) * conditional * threshold
    return limit_rest(rest / np.maximum(digit + rest, _LEAST_SUM), conditional, is_digit)


def limit_rest(rest: ArrayLike, conditional: ArrayLike, is_digit: ArrayLike) -> NDArray[np.float64]:
    """Return shares, limited to at most those of digits that are the verdict, else to at least.

    Args:
        rest: (N,) shares that are not a digit.
        conditional: (N,) the probability of the top digit, given that the ink is a digit.
        is_digit: (N,) whether the verdict is that digit.
    """
    conditional = np.asarray(conditional)
    equal = conditional / (1 + conditional)
    limited: NDArray[np.float64] = np.where(
        is_digit, np.minimum(rest, equal), np.maximum(rest, equal)
    )
    return limited
