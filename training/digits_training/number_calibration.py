"""Calibration of the confidence of whole numbers, on numbers by validation writers."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from digits_server.models.numbers import PLAIN_WEIGHTS, Weights, features, main_number
from digits_server.preprocessing.layout import Layout

from .calibration import Calibration
from .eval_results import Predict
from .number_results import predict_images
from .number_sets import NumberSet

# Fewer numbers say too little.
_LEAST_COUNT: Final = 50
_STEPS: Final = 50
_PENALTY: Final = 1e-3
_DIGITS: Final = 4


def fit_number_weights(
    sets: Sequence[NumberSet], predict: Predict, read_strip: Predict, calibration: Calibration
) -> Weights:
    """Fit a logistic regression of whether a number is right on its text's share and evidence.

    Args:
        sets: Numbers by writers that are held out of training.
        predict: The network of single digits.
        read_strip: The line network.
        calibration: The temperature and the threshold of the network of single digits.

    Returns:
        The weights; those of an uncalibrated network, if there are too few numbers.
    """
    rows, is_right = [], []
    for each in sets:
        found = predict_images(each.images, Layout.NUMBER, predict, read_strip, calibration)
        for row, numbers in found.numbers.items():
            number = main_number(numbers)
            rows.append(features(number.share, number.evidence))
            is_right.append(number.text == each.texts[row])
    if len(rows) < _LEAST_COUNT:
        return PLAIN_WEIGHTS
    values, right = np.array(rows), np.array(is_right, np.float64)
    weights = np.zeros(values.shape[1])
    penalty = _PENALTY * np.array([1.0, 1.0, 0.0])
    for _ in range(_STEPS):  # Newton's method
        predicted = 1 / (1 + np.exp(-np.clip(values @ weights, -30, 30)))
        slope = values.T @ (predicted - right) / len(right) + penalty * weights
        spread = predicted * (1 - predicted)
        curvature = (values * spread[:, None]).T @ values / len(right)
        weights -= np.linalg.solve(curvature + np.diag(penalty + 1e-9), slope)
    share, evidence, constant = np.round(weights, _DIGITS).tolist()
    return share, evidence, constant
