"""Measuring a network on every set of images that is at hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import Answers, answers_to_suite
from .calibration import Calibration, area_under_curve, given_digit, likeliest_digit
from .datasets import Mnist
from .figures import Figures
from .keras_files import load_network, predict
from .plots import save_confusion
from .suites import Suite, at_hand

CONFUSION_FILE = "confusion.png"
METRICS_FILE = "metrics.json"


def evaluate(source: Path, mnist: Mnist, data_dir: Path | None, out: Path) -> str:
    """Measure a network; leave ``confusion.png`` and ``metrics.json`` in a folder.

    Args:
        source: The folder of a run, with its calibration, or a Keras file.
        mnist: The images, of which the test set is used.
        data_dir: Where the other sets are looked for; those that are nowhere are left out.
        out: The folder, made where it is missing.

    Returns:
        The figures as text.

    Raises:
        TrainingError: The source is no such network.
    """
    model = load_network(source)
    calibration = Calibration.load(source) if source.is_dir() else Calibration()

    def ask(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return predict(model, frames[..., None])

    suites, missing = at_hand(mnist, data_dir)
    answered = [(suite, answers_to_suite(suite, ask, calibration)) for suite in suites]
    test = answered[0][1]
    figures = Figures.of(given_digit(test.probs), test.labels)
    out.mkdir(parents=True, exist_ok=True)
    title = f"MNIST test set: {figures.accuracy:.2%} right"
    save_confusion(figures.confusion, title, out / CONFUSION_FILE)
    (out / METRICS_FILE).write_text(json.dumps(_metrics(figures, answered), indent=2) + "\n")
    parts = [figures.table(), _table(answered), *missing]
    return "\n\n".join([*parts, f"The confusion matrix is in {out / CONFUSION_FILE}."])


def _metrics(figures: Figures, answered: list[tuple[Suite, Answers]]) -> dict[str, Any]:
    """Return the figures of all suites, shares of 1."""
    metrics: dict[str, Any] = {
        "mnist_test_accuracy": figures.accuracy,
        "mnist_test_loss": figures.loss,
    }
    for suite, answers in answered:
        if suite.has_digits:
            metrics[suite.name] = {
                "images": len(suite.labels),
                "right": answers.accuracy,
                "rejected": answers.rejected_share,
                "calibration_error": answers.calibration_error,
            }
        else:
            metrics[suite.name] = {
                "images": len(suite.labels),
                "rejected": answers.rejected_share,
                "area_under_curve": _told_apart(answered[0][1], answers),
            }
    return metrics


def _told_apart(digits: Answers, others: Answers) -> float:
    """Return the AUROC of digits against what is none."""
    return area_under_curve(likeliest_digit(digits.probs), likeliest_digit(others.probs))


def _table(answered: list[tuple[Suite, Answers]]) -> str:
    lines = ["set                              images     right   rejected   calibration error"]
    for suite, answers in answered:
        start = f"{suite.title:<30}   {len(suite.labels):>6}"
        if suite.has_digits:
            lines.append(
                f"{start}   {answers.accuracy:>7.2%}   {answers.rejected_share:>8.2%}"
                f"   {answers.calibration_error:>17.2%}"
            )
        else:
            lines.append(f"{start}             {answers.rejected_share:>8.2%}")
            told = _told_apart(answered[0][1], answers)
            lines.append(f"   told from MNIST's digits: AUROC {told:.4f}")
    return "\n".join(lines)
