"""Saving the content of the sheet as a correction."""

from pathlib import Path

import pytest
from PIL import Image

from digits_client.draw.correction_recorder import CorrectionRecorder
from digits_client.draw.corrections import Corrections
from digits_client.draw.drawing import Drawing
from digits_client.results import Prediction, Verdict


@pytest.fixture
def drawing() -> Drawing:
    """A drawing with one stroke."""
    drawing = Drawing()
    drawing.begin_stroke((50.0, 60.0), 12)
    drawing.end_stroke()
    return drawing


@pytest.mark.parametrize(
    ("prediction", "predicted", "version"),
    [
        (None, "", ""),
        (Prediction(Verdict.DIGIT, 0, 0.9, (), "3"), "0", "3"),
        (Prediction(Verdict.NOT_A_DIGIT, None, 0.9, (), "3"), "not_a_digit", "3"),
        (Prediction(Verdict.BLANK, None, 0.0, (), "3"), "blank", "3"),
    ],
)
def test_a_correction_has_the_prediction_as_text(
    tmp_path: Path, drawing: Drawing, prediction: Prediction | None, predicted: str, version: str
) -> None:
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, 7, prediction)
    (correction,) = Corrections(tmp_path)
    assert (correction.label, correction.predicted, correction.model_version) == (
        7,
        predicted,
        version,
    )
    assert correction.strokes == drawing.strokes


def test_only_a_correction_of_the_same_revision_is_replaced(
    tmp_path: Path, drawing: Drawing
) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    recorder.save(drawing, 1, 7, None)
    recorder.save(drawing, 1, 8, None)
    recorder.save(drawing, 2, 9, None)
    assert [correction.label for correction in Corrections(tmp_path)] == [8, 9]


def test_a_picture_is_saved_without_strokes(tmp_path: Path, drawing: Drawing) -> None:
    drawing.show_picture(Image.new("L", (3, 2)))
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, 7, None)
    (correction,) = Corrections(tmp_path)
    assert correction.strokes == ()
