"""Measuring a network on every set of images that is at hand, and making the report of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize

from .calibration import Calibration, area_under_curve, given_digit, likeliest_digit
from .datasets import Mnist
from .eval_results import Answers, Frame, answers_to
from .eval_sets import Suite, at_hand, drawing_suite
from .evaluation_report import Report, SuiteSection, write_report
from .keras_files import load_network, predict
from .metrics import Figures
from .plots import save_confusion
from .record import RunRecord
from .robustness import robustness, table
from .shipped import before_and_after

CONFUSION_FILE = "confusion.png"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
# Test images that are disturbed in each of forty ways.
DISTURBED_COUNT = 500


def evaluate(
    source: Path,
    mnist: Mnist,
    data_dir: Path | None,
    out: Path,
    frame: Frame = normalize,
    *,
    drawings: Path | None = None,
) -> str:
    """Measure a network; leave ``report.html``, ``confusion.png``, ``metrics.json`` in a folder.

    Args:
        source: The folder of a run, with its calibration, or a Keras file.
        mnist: The images, of which the test set is used.
        data_dir: Where the other sets are looked for; those that are nowhere are left out.
        out: The folder, made where it is missing.
        frame: How images become frames; the tutorial's way, for comparison.
        drawings: A folder of corrected drawings, on which the shipped model is measured too.

    Returns:
        The figures as text.

    Raises:
        TrainingError: The source is no such network.
        DatasetError: There are no drawings in their folder.
    """
    model = load_network(source)
    calibration = Calibration.load(source) if source.is_dir() else Calibration()

    def ask(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return predict(model, frames[..., None])

    suites, missing = at_hand(mnist, data_dir)
    if drawings is not None:
        suites.append(drawing_suite(drawings))
    answered = [
        (suite, answers_to(suite.images, suite.labels, ask, calibration, frame)) for suite in suites
    ]
    test = answered[0][1]
    figures = Figures.of(given_digit(test.probs), test.labels)
    out.mkdir(parents=True, exist_ok=True)
    title = f"MNIST test set: {figures.accuracy:.2%} right"
    save_confusion(figures.confusion, title, out / CONFUSION_FILE)
    (out / METRICS_FILE).write_text(json.dumps(_metrics(figures, answered), indent=2) + "\n")
    some = np.random.default_rng(0).permutation(len(test.labels))[:DISTURBED_COUNT]
    disturbed = robustness(
        [mnist.x_test[place] for place in some], mnist.y_test[some], ask, calibration
    )
    report = Report(
        title=f"{model.name}: how well it recognizes digits",
        provenance=_provenance(source),
        sections=[SuiteSection(suite, answers) for suite, answers in answered],
        letters_auroc=next(
            (_told_apart(test, answers) for suite, answers in answered if not suite.has_digits),
            None,
        ),
        robustness=disturbed,
        notes=missing,
    )
    write_report(out / REPORT_FILE, report)
    parts = [figures.table(), _table(answered), table(disturbed), *missing]
    if drawings is not None:
        parts.append(before_and_after([answered[0], answered[-1]]))
    return "\n\n".join([*parts, f"The report is {out / REPORT_FILE}."])


def _provenance(source: Path) -> dict[str, str]:
    """Return what is known of how a network came about."""
    record = RunRecord.load(source) if source.is_dir() else None
    if record is None:
        return {"file": source.name}
    return {"command": record.command, "commit": record.commit, **record.versions}


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
