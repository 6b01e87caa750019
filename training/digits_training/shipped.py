"""The shipped model beside another network, on the same images."""

from collections.abc import Sequence

from digits_server import models
from digits_server.settings import SHIPPED_MODELS

from .calibration import Calibration
from .eval_results import Answers, answers_to
from .eval_sets import Suite


def before_and_after(answered: Sequence[tuple[Suite, Answers]]) -> str:
    """Return a table of how right the shipped model is, and how right these answers are."""
    shipped = models.load_folder(
        SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0]), threads=1
    )
    # The engine applies the temperature itself.
    calibration = Calibration(1.0, shipped.manifest.rejection_threshold)
    lines = [
        f"set                              images   version {shipped.manifest.version}        this"
    ]
    for suite, answers in answered:
        before = answers_to(suite.images, suite.labels, shipped.engine.predict, calibration)
        lines.append(
            f"{suite.title:<30}   {len(suite.labels):>6}   {before.accuracy:>8.2%}"
            f"   {answers.accuracy:>8.2%}"
        )
    return "\n".join(lines)
