"""Comparison of a network with the shipped model on the same images."""

from collections.abc import Sequence

from digits_server import models
from digits_server.settings import SHIPPED_MODELS

from .calibration import Calibration
from .eval_results import EvalResults, evaluate_set


def compare_with_shipped(results: Sequence[EvalResults]) -> str:
    """Return a table of a network's accuracy next to the shipped model's on the same sets."""
    version = models.versions(SHIPPED_MODELS)[0]
    shipped = models.load_folder(SHIPPED_MODELS / str(version))
    # The engine applies the temperature itself.
    calibration = Calibration(1.0, shipped.manifest.rejection_threshold)
    lines = [
        f"set                              images   version {shipped.manifest.version}        this"
    ]
    for result in results:
        before = evaluate_set(
            result.eval_set,
            shipped.engines[0].predict,
            calibration,
            read_strip=shipped.line_engines[0].predict,
        )
        lines.append(
            f"{result.eval_set.title:<30}   {len(result.labels):>6}   {before.accuracy:>8.2%}"
            f"   {result.accuracy:>8.2%}"
        )
    return "\n".join(lines)
