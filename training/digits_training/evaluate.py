"""Evaluation of a network on every available set of images, and its report."""

import json
import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digits_server.models.line_engine import LiteRtLineEngine

from .calibration import Calibration, auroc
from .comparison import compare_with_shipped
from .conversion import line_to_float32
from .datasets import Mnist
from .eval_results import EvalResults, Read, evaluate_set
from .eval_sets import available_sets, corrections_set
from .evaluation_report import Report, write_report
from .keras_files import load_line_network, load_network, predict
from .metrics import Metrics
from .network_path import SHIPPED_LINE
from .number_results import (
    NumberResults,
    SinglesAsNumbers,
    evaluate_numbers,
    evaluate_singles,
    with_all,
)
from .number_sets import available_number_sets
from .plots import save_confusion
from .record import RunRecord
from .robustness import measure_robustness, robustness_table

CONFUSION_FILE: Final = "confusion.png"
METRICS_FILE: Final = "metrics.json"
REPORT_FILE: Final = "report.html"
SINGLES: Final = ("mnist", "strokes", "unipen", "wild")
"""Sets of single digits that are also read as numbers."""
CORRUPTED_COUNT: Final = 500
"""Number of test images that are corrupted, each in forty ways."""

logger = logging.getLogger(__name__)


def evaluate(
    source: Path,
    mnist: Mnist,
    data_dir: Path | None,
    out: Path,
    read: Read | None = None,
    *,
    line: Path = SHIPPED_LINE,
    drawings: Path | None = None,
) -> str:
    """Evaluate a network; write ``report.html``, ``confusion.png`` and ``metrics.json``.

    Args:
        source: Folder of a run, whose calibration is used, or a Keras file.
        mnist: MNIST, whose test set is used.
        data_dir: Folder of the other sets; missing ones are skipped.
        out: Folder to write to, created if missing.
        read: Function that finds the readings of images, by default as the server does.
        line: Folder of the run of a line network.
        drawings: Folder of corrected drawings to evaluate, also with the shipped model.

    Returns:
        The metrics as text.

    Raises:
        TrainingError: The source is not a network for digits.
        DatasetError: The folder has no corrected drawings.
    """
    model = load_network(source)
    calibration = Calibration.load(source) if source.is_dir() else Calibration()
    calibration = calibration.with_numbers(Calibration.load(line))
    read_strip = LiteRtLineEngine(line_to_float32(load_line_network(line))).predict

    def predict_frames(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return predict(model, frames[..., None])

    logger.info("Preparing the images")
    sets, notes = available_sets(mnist, data_dir)
    number_sets, more_notes = available_number_sets(data_dir)
    notes += more_notes
    if drawings is not None:
        sets.append(corrections_set(drawings))
    results = []
    for each in sets:
        logger.info("Evaluating on %s images: %s", f"{len(each.images):,}", each.title)
        results.append(evaluate_set(each, predict_frames, calibration, read, read_strip=read_strip))
    logger.info("Evaluating on numbers, and on single digits as numbers")
    # The tutorial's way to make frames has none of numbers.
    numbers = [
        evaluate_numbers(each, predict_frames, read_strip, calibration)
        for each in number_sets
        if not read
    ]
    singles = [
        evaluate_singles(each, predict_frames, read_strip, calibration)
        for each in results
        if not read and each.eval_set.name in SINGLES
    ]
    test = results[0]
    metrics = Metrics.compute(test.forced.probs, test.labels)
    logger.info("Evaluating on %d corrupted images", CORRUPTED_COUNT)
    some = np.random.default_rng(0).permutation(len(test.labels))[:CORRUPTED_COUNT]
    robustness = measure_robustness(
        [mnist.x_test[index] for index in some],
        mnist.y_test[some],
        predict_frames,
        calibration,
        read_strip=read_strip,
    )
    out.mkdir(parents=True, exist_ok=True)
    title = f"MNIST test set: {metrics.accuracy:.2%} right"
    save_confusion(metrics.confusion, title, out / CONFUSION_FILE)
    document = _metrics_json(metrics, results, numbers)
    (out / METRICS_FILE).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    report = Report(
        title=f"{model.name}: recognition of digits",
        provenance=_provenance(source),
        results=results,
        numbers=numbers,
        singles=singles,
        letters_auroc=next(
            (_auroc(test, each) for each in results if _has_other_writing(each)), None
        ),
        robustness=robustness,
        notes=notes,
    )
    write_report(out / REPORT_FILE, report)
    parts = [metrics.table(), _table(results)]
    if numbers:
        parts += [_number_table(numbers), _singles_table(singles)]
    parts += [robustness_table(robustness), *notes]
    if drawings is not None:
        parts.append(compare_with_shipped([test, results[-1]]))
    return "\n\n".join([*parts, f"Wrote the report to {out / REPORT_FILE}."])


def _provenance(source: Path) -> dict[str, str]:
    """Return what the run's record says about the origin of a network."""
    record = RunRecord.load(source) if source.is_dir() else None
    if record is None:
        return {"file": source.name}
    return {"command": record.command, "commit": record.commit, **record.versions}


def _metrics_json(
    metrics: Metrics, results: list[EvalResults], numbers: list[NumberResults]
) -> dict[str, Any]:
    """Return the metrics of all sets; shares are in 0..1."""
    document: dict[str, Any] = {
        "mnist_test_accuracy": metrics.accuracy,
        "mnist_test_loss": metrics.loss,
    }
    for each in results:
        values = {
            "images": len(each.labels),
            "right": each.accuracy,
            "rejected": each.not_a_digit_share,
            "readings_per_image": each.readings_per_image,
        }
        if each.eval_set.has_digits:
            values["calibration_error"] = each.calibration_error
            values["calibration_error_by_chance"] = each.chance_error
        if _has_other_writing(each):
            values["area_under_curve"] = _auroc(results[0], each)
        document[each.eval_set.name] = values
    for read in with_all(numbers):
        document[read.number_set.name] = {
            "images": len(read.texts),
            "right": read.accuracy,
            "digits_right": read.digit_accuracy,
            "calibration_error": read.calibration_error,
            "calibration_error_by_chance": read.chance_error,
            "as_one_digit": read.one_digit_share,
        }
    return document


def _has_other_writing(results: EvalResults) -> bool:
    return not (results.eval_set.has_digits or results.eval_set.is_blank)


def _auroc(digits: EvalResults, others: EvalResults) -> float:
    """Return the AUROC of the top digit's probability for digits against other images."""
    return auroc(digits.top_digit_probs, others.top_digit_probs)


def _table(results: list[EvalResults]) -> str:
    """Return the metrics of all sets; what is right in a set of blank images is BLANK."""
    lines = [
        "set                              images     right   not a digit   calibration error"
        "   by chance   readings per image"
    ]
    for each in results:
        eval_set = each.eval_set
        right = "" if _has_other_writing(each) else f"{each.accuracy:.2%}"
        error = f"{each.calibration_error:.2%}" if eval_set.has_digits else ""
        chance = f"{each.chance_error:.2%}" if eval_set.has_digits else ""
        lines.append(
            f"{eval_set.title:<30}   {len(each.labels):>6}   {right:>7}"
            f"   {each.not_a_digit_share:>11.2%}   {error:>17}   {chance:>9}"
            f"   {each.readings_per_image:>18.2f}"
        )
        if _has_other_writing(each):
            lines.append(f"   AUROC, MNIST's digits against these: {_auroc(results[0], each):.4f}")
    return "\n".join(lines)


def _number_table(results: list[NumberResults]) -> str:
    """Return the metrics of all sets of numbers."""
    lines = [
        "numbers                          images     right   digits right   calibration error"
        "   by chance   as one digit"
    ]
    lines += [
        f"{each.number_set.title:<30}   {len(each.texts):>6}   {each.accuracy:>7.2%}"
        f"   {each.digit_accuracy:>12.2%}   {each.calibration_error:>17.2%}"
        f"   {each.chance_error:>9.2%}   {each.one_digit_share:>12.2%}"
        for each in with_all(results)
    ]
    return "\n".join(lines)


def _singles_table(singles: list[SinglesAsNumbers]) -> str:
    """Return the metrics of single digits that are read as numbers."""
    lines = ["single digits                    images   as a digit   as a number   found several"]
    lines += [
        f"{each.title:<30}   {each.count:>6}   {each.digit_accuracy:>10.2%}"
        f"   {each.number_accuracy:>11.2%}   {each.several_share:>13.2%}"
        for each in singles
    ]
    return "\n".join(lines)
