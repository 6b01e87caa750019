"""A network's accuracy on corrupted images, by corruption and severity."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .calibration import Calibration, Labels
from .corruptions import CORRUPTIONS, on_canvas
from .eval_results import Predict, evaluate_set
from .eval_set import EvalSet, Gray


@dataclass(frozen=True)
class CorruptionResult:
    """Accuracy under one corruption of one severity."""

    corruption: str
    """Name of the corruption, or "none"."""

    unit: str
    """Unit of the severity."""

    severity: float
    """Severity in the unit; 0 for "none"."""

    top_digit_accuracy: float
    """Share of images whose top digit is the true one, whatever the verdict. A blank image
    counts as wrong."""

    accuracy: float
    """Share of images whose verdict is the true digit."""


def measure_robustness(
    images: Sequence[Gray],
    labels: Labels,
    predict: Predict,
    calibration: Calibration,
    seed: int = 0,
    *,
    read_strip: Predict | None = None,
) -> tuple[CorruptionResult, ...]:
    """Evaluate a network on images under every corruption and severity.

    Args:
        images: N images, each (H, W) uint8 of any size.
        labels: (N,) true digits, 0..9.
        predict: The network.
        calibration: The network's calibration.
        seed: Seed of the corruptions. An image is corrupted in the same direction or with the
            same grain at every severity.
        read_strip: The line network, as for ``evaluate_set``.

    Returns:
        The result without corruption, then those of each corruption in order of severity.
    """
    canvases = [on_canvas(image) for image in images]

    def measure(name: str, unit: str, severity: float, corrupted: list[Gray]) -> CorruptionResult:
        results = evaluate_set(
            EvalSet(name, name, corrupted, labels), predict, calibration, read_strip=read_strip
        )
        top_digit_is_right = (results.digits == labels) & ~results.is_blank
        return CorruptionResult(
            name, unit, severity, float(top_digit_is_right.mean()), results.accuracy
        )

    measured = [measure("none", "", 0.0, canvases)]
    for index, corruption in enumerate(CORRUPTIONS):
        for severity in corruption.severities:
            corrupted = [
                corruption.apply(canvas, severity, np.random.default_rng((seed, index, number)))
                for number, canvas in enumerate(canvases)
            ]
            measured.append(measure(corruption.name, corruption.unit, severity, corrupted))
    return tuple(measured)


def robustness_table(results: Sequence[CorruptionResult]) -> str:
    """Return the results as a Markdown table that is readable as plain text."""
    lines = [
        "| corruption  | severity             | top digit right |  right |",
        "|:------------|---------------------:|----------------:|-------:|",
    ]
    lines += [
        f"| {result.corruption:<11} | {f'{result.severity:g} {result.unit}'.strip():>20}"
        f" | {result.top_digit_accuracy:>15.1%} | {result.accuracy:>6.1%} |"
        for result in results
    ]
    return "\n".join(lines)
