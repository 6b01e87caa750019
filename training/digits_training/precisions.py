"""Comparison of a model's files for float32 and int8 on every available set of images."""

from collections.abc import Mapping, Sequence
from typing import Final

from digits_server.models.engine import LiteRtEngine

from .calibration import Calibration
from .errors import TrainingError
from .eval_results import EvalResults, Predict, evaluate_frames, find_frames
from .eval_set import EvalSet

MAX_INT8_LOSS: Final = 0.0005
"""Maximum share of MNIST's test images whose verdict is right only in float32."""

PrecisionResults = Mapping[str, EvalResults]
"""The results for one set by precision."""


def evaluate_precisions(
    sets: Sequence[EvalSet],
    engines: Mapping[str, LiteRtEngine],
    read_strip: Predict | None,
    calibration: Calibration,
) -> list[PrecisionResults]:
    """Return the results of each precision's engine for each set.

    Args:
        sets: The sets; MNIST's test set is the first.
        engines: The engines by precision, without temperature: the calibration has it.
        read_strip: The line network, which is the same for all precisions.
        calibration: The calibration that all precisions share.

    Raises:
        TrainingError: int8 has more wrong verdicts on MNIST's test set than ``MAX_INT8_LOSS``
            allows. On the small sets one image is a larger share, so they have no such limit.
    """
    results = [_evaluate(eval_set, engines, read_strip, calibration) for eval_set in sets]
    before, after = (results[0][precision].accuracy for precision in ("float32", "int8"))
    if before - after > MAX_INT8_LOSS:
        raise TrainingError(
            f"int8 lowers the share of right verdicts on MNIST's test set from {before:.2%} to "
            f"{after:.2%}; --no-int8 exports the network in float32 only"
        )
    return results


def _evaluate(
    eval_set: EvalSet,
    engines: Mapping[str, LiteRtEngine],
    read_strip: Predict | None,
    calibration: Calibration,
) -> PrecisionResults:
    frames = find_frames(eval_set.images)
    return {
        precision: evaluate_frames(eval_set, frames, engine.predict, calibration, read_strip)
        for precision, engine in engines.items()
    }


def precision_metrics(results: Sequence[PrecisionResults]) -> dict[str, float]:
    """Return the share of right verdicts for each set and precision, for the manifest.

    The kinds of people's own images are left out.
    """
    return {
        f"{prefix}{by_precision[precision].eval_set.name}_right": by_precision[precision].accuracy
        for by_precision in results
        for prefix, precision in (("", "float32"), ("int8_", "int8"))
        if "-" not in by_precision[precision].eval_set.name
    }


def precision_table(results: Sequence[PrecisionResults]) -> str:
    """Return the shares of right verdicts and the calibration errors as text."""
    lines = [
        f"{'':<30}           {'right':^19}   {'calibration error':^19}",
        f"{'set':<30}   images    float32       int8    float32       int8",
    ]
    for by_precision in results:
        both = [by_precision[precision] for precision in ("float32", "int8")]
        line = f"{both[0].eval_set.title:<30}   {len(both[0].labels):>6}"
        line += "".join(f"   {each.accuracy:>8.2%}" for each in both)
        if both[0].eval_set.has_digits:
            line += "".join(f"   {each.calibration_error:>8.2%}" for each in both)
        lines.append(line)
    return "\n".join(lines)
