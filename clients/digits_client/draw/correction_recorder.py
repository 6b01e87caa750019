"""Saves what is on the sheet as corrections. Does not use Tk."""

from collections.abc import Sequence
from typing import Final

from digits_client.percent import NOT_A_DIGIT_TEXT
from digits_client.results import Box, Number, Prediction, Verdict

from .corrections import NOT_A_DIGIT, Correction, Corrections
from .digit_split import DigitDrawing, groups_of_strokes, split
from .drawing import Drawing

_LABELS: Final = {NOT_A_DIGIT_TEXT: Verdict.NOT_A_DIGIT.value}


class SplitError(Exception):
    """The digits of a drawing cannot be told apart; ``str(error)`` is a sentence for the user."""


class CorrectionRecorder:
    """Saves the corrections of a drawing: of its one digit, or of each digit that was misread."""

    def __init__(self, corrections: Corrections) -> None:
        self._corrections = corrections
        self._latest: tuple[int, list[Correction]] = (-1, [])

    @property
    def latest(self) -> Sequence[Correction]:
        """What the last call of ``save`` has saved."""
        return self._latest[1]

    def save(
        self,
        drawing: Drawing,
        revision: int,
        text: str,
        number: Number | None,
        boxes: Sequence[Box] = (),
    ) -> list[int]:
        """Save a drawing as corrections; they replace those for the same revision.

        Args:
            drawing: The drawing; not empty.
            revision: The revision of the drawing.
            text: The digits that the person meant, at least one; or NOT_A_DIGIT_TEXT.
            number: What was read for this revision, if anything was.
            boxes: Where each digit is; without them, as the number says, or by the gaps.

        Returns:
            The indices of the digits that were saved: of all, except those that were read as the
            person meant them.

        Raises:
            SplitError: It is not clear which part of the drawing is which digit.
            OSError: The folder cannot be written to.
        """
        meant = [text] if text == NOT_A_DIGIT_TEXT else list(text)
        places = list(number.digits) if number else []
        is_aligned = len(places) == len(meant)
        if len(meant) == 1:
            digits = [DigitDrawing(drawing.image(), () if drawing.picture else drawing.strokes)]
        else:
            given = boxes if len(boxes) == len(meant) else None
            digits = split(drawing, given or _find_boxes(drawing, len(meant), places))
        predictions: list[Prediction | None] = [*places] if is_aligned else [None] * len(meant)
        wrong = [
            index
            for index, (digit, prediction) in enumerate(zip(meant, predictions, strict=True))
            if _prediction_text(prediction) != _LABELS.get(digit, digit)
        ]
        self.remove_latest(revision)
        saved: list[Correction] = []
        self._latest = (revision, saved)
        for index in wrong:
            prediction = predictions[index]
            is_digit = meant[index] != NOT_A_DIGIT_TEXT
            saved.append(
                self._corrections.add(
                    digits[index].image,
                    digits[index].strokes,
                    int(meant[index]) if is_digit else NOT_A_DIGIT,
                    predicted=_prediction_text(prediction),
                    model_version=prediction.model_version if prediction else "",
                )
            )
        return wrong

    def remove_latest(self, revision: int) -> None:
        """Remove what the last call of ``save`` has saved, if that was for a revision.

        Raises:
            OSError: The folder cannot be written to.
        """
        if self._latest[0] == revision:
            for correction in self._latest[1]:
                self._corrections.remove(correction)
            self._latest = (revision, [])


def _find_boxes(drawing: Drawing, count: int, places: list[Prediction]) -> list[Box]:
    boxes = [place.box for place in places if place.box]
    if len(boxes) != count and drawing.picture is None:
        boxes = groups_of_strokes(drawing)
    if len(boxes) != count:
        raise SplitError(
            f"The {count} digits cannot be told apart: write them with gaps between them."
        )
    return boxes


def _prediction_text(prediction: Prediction | None) -> str:
    if prediction is None:
        return ""
    return prediction.verdict.value if prediction.digit is None else str(prediction.digit)
