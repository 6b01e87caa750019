"""Saves what is on the sheet as a correction. Does not use Tk."""

from digits_client.results import Prediction

from .corrections import Correction, Corrections
from .drawing import Drawing


class CorrectionRecorder:
    """Saves at most one correction for each revision of a drawing."""

    def __init__(self, corrections: Corrections) -> None:
        self._corrections = corrections
        self._latest: tuple[int, Correction] | None = None

    def save(
        self, drawing: Drawing, revision: int, digit: int, prediction: Prediction | None
    ) -> None:
        """Save a drawing as a correction; it replaces the one for the same revision.

        Args:
            drawing: The drawing; not empty.
            revision: The revision of the drawing.
            digit: The digit that the person meant.
            prediction: The prediction for this revision, if there is one.

        Raises:
            OSError: The folder cannot be written to.
        """
        if self._latest is not None and self._latest[0] == revision:
            self._corrections.remove(self._latest[1])
        correction = self._corrections.add(
            drawing.image(),
            () if drawing.picture else drawing.strokes,
            digit,
            predicted=_prediction_text(prediction),
            model_version=prediction.model_version if prediction else "",
        )
        self._latest = (revision, correction)


def _prediction_text(prediction: Prediction | None) -> str:
    if prediction is None:
        return ""
    return prediction.verdict.value if prediction.digit is None else str(prediction.digit)
