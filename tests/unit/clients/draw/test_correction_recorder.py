"""Saving the content of the sheet as corrections."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits_client.draw.correction_recorder import CorrectionRecorder, SplitError
from digits_client.draw.corrections import Correction, Corrections
from digits_client.draw.drawing import Drawing
from digits_client.draw.strokes import Point
from digits_client.results import Box, Number, Prediction, Verdict


def draw(*strokes: list[Point], width: float = 12) -> Drawing:
    drawing = Drawing()
    drawing.set_width(800)
    for points in strokes:
        drawing.begin_stroke(points[0], width)
        for point in points[1:]:
            drawing.extend_stroke(point)
        drawing.end_stroke()
    return drawing


@pytest.fixture
def drawing() -> Drawing:
    """A drawing with one stroke."""
    return draw([(50.0, 60.0)])


def digit(digit: int | None, box: Box | None = None) -> Prediction:
    verdict = Verdict.NOT_A_DIGIT if digit is None else Verdict.DIGIT
    return Prediction(verdict, digit, 0.9, (), "3", box=box)


def number(*digits: Prediction) -> Number:
    text = "".join("?" if each.digit is None else str(each.digit) for each in digits)
    return Number(text, 0.9, digits, None)


BLANK = Number("", 0.0, (Prediction(Verdict.BLANK, None, 0.0, (), "3"),), None)


@pytest.mark.parametrize(
    ("read", "predicted", "version"),
    [
        (None, "", ""),
        (number(digit(0)), "0", "3"),
        (Number("", 0.0, (digit(None),), None), "not_a_digit", "3"),
        (BLANK, "blank", "3"),
    ],
)
def test_a_correction_has_what_was_read_as_text(
    tmp_path: Path, drawing: Drawing, read: Number | None, predicted: str, version: str
) -> None:
    saved = CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, "7", read)
    assert saved == [0]
    (correction,) = Corrections(tmp_path)
    assert (correction.label, correction.predicted, correction.model_version) == (
        7,
        predicted,
        version,
    )
    assert correction.strokes == drawing.strokes
    with Image.open(correction.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(drawing.image()))


def test_a_digit_that_was_read_right_is_not_kept(tmp_path: Path, drawing: Drawing) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    assert recorder.save(drawing, 1, "7", number(digit(4))) == [0]
    assert recorder.save(drawing, 1, "4", number(digit(4))) == []
    assert list(Corrections(tmp_path)) == []


def test_a_drawing_may_show_something_that_is_not_a_digit(tmp_path: Path, drawing: Drawing) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    assert recorder.save(drawing, 1, "not a digit", number(digit(4))) == [0]
    (correction,) = Corrections(tmp_path)
    assert (correction.label, correction.predicted) == (10, "4")
    rejected = Number("", 0.0, (digit(None),), None)
    assert recorder.save(drawing, 2, "not a digit", rejected) == []


def test_the_latest_corrections_can_be_removed(tmp_path: Path, drawing: Drawing) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    recorder.save(drawing, 1, "7", None)
    recorder.save(drawing, 2, "8", None)
    recorder.remove_latest(1)
    assert [correction.label for correction in Corrections(tmp_path)] == [7, 8]
    recorder.remove_latest(2)
    assert [correction.label for correction in Corrections(tmp_path)] == [7]


def test_only_corrections_of_the_same_revision_are_replaced(
    tmp_path: Path, drawing: Drawing
) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    recorder.save(drawing, 1, "7", None)
    recorder.save(drawing, 1, "8", None)
    recorder.save(drawing, 2, "9", None)
    assert [correction.label for correction in Corrections(tmp_path)] == [8, 9]


def test_a_picture_is_saved_without_strokes(tmp_path: Path, drawing: Drawing) -> None:
    drawing.show_picture(Image.new("L", (3, 2)))
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, "7", None)
    (correction,) = Corrections(tmp_path)
    assert correction.strokes == ()


ONE, BAR, OTHER = (
    [(100.0, 100.0), (100.0, 200.0)],
    [(90.0, 150.0), (110.0, 150.0)],
    [(300.0, 100.0), (340.0, 200.0)],
)
BOXES = Box(84, 94, 32, 112), Box(294, 94, 52, 112)


def ink(correction: Correction) -> int:
    with Image.open(correction.path) as image:
        return int((np.asarray(image) < 128).sum())


def test_of_a_number_only_the_digits_that_were_misread_are_saved(tmp_path: Path) -> None:
    drawing = draw(ONE, BAR, OTHER)
    read = number(digit(4, BOXES[0]), digit(1, BOXES[1]))
    recorder = CorrectionRecorder(Corrections(tmp_path))
    assert recorder.save(drawing, 1, "71", read) == [0]
    (correction,) = Corrections(tmp_path)
    assert (correction.label, correction.predicted) == (7, "4")
    assert len(correction.strokes) == 2
    with Image.open(correction.path) as image:
        assert image.width == image.height < 200
        xs = [x for stroke in correction.strokes for x, _ in stroke.points]
        assert min(xs) >= 0
        assert max(xs) <= image.width
    assert ink(correction) > 0
    assert recorder.save(drawing, 1, "41", read) == []
    assert list(Corrections(tmp_path)) == []


def test_digits_that_were_not_told_apart_are_split_at_the_gaps_between_strokes(
    tmp_path: Path,
) -> None:
    read = number(digit(4, Box(84, 94, 262, 112)))
    saved = CorrectionRecorder(Corrections(tmp_path)).save(draw(OTHER, ONE, BAR), 1, "71", read)
    assert saved == [0, 1]
    seven, one = sorted(Corrections(tmp_path), key=lambda each: -each.label)
    assert (seven.label, len(seven.strokes), seven.predicted) == (7, 2, "")
    assert (one.label, len(one.strokes)) == (1, 1)


def test_a_stroke_through_several_digits_is_cut_out_of_the_image(tmp_path: Path) -> None:
    drawing = draw([(90.0, 150.0), (350.0, 150.0)])
    read = number(digit(4, BOXES[0]), digit(4, BOXES[1]))
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, "10", read)
    for correction in Corrections(tmp_path):
        assert correction.strokes == ()
        assert ink(correction) > 0


def test_the_digits_of_a_picture_are_cut_out_of_it(tmp_path: Path) -> None:
    drawing = draw(ONE)
    picture = Image.new("RGB", (500, 300), "white")
    picture.paste("black", (100, 100, 110, 200))
    picture.paste("black", (300, 100, 340, 200))
    drawing.show_picture(picture)
    read = number(digit(4, BOXES[0]), digit(1, BOXES[1]))
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, "10", read)
    sizes = {}
    for correction in Corrections(tmp_path):
        with Image.open(correction.path) as image:
            sizes[correction.label] = image.size
    assert sizes == {1: (88, 168), 0: (108, 168)}


def test_digits_that_cannot_be_told_apart_are_not_saved(tmp_path: Path) -> None:
    recorder = CorrectionRecorder(Corrections(tmp_path))
    with pytest.raises(SplitError, match="The 3 digits cannot be told apart"):
        recorder.save(draw(ONE, OTHER), 1, "123", None)
    assert list(Corrections(tmp_path)) == []


def test_what_was_erased_is_erased_from_each_digit(tmp_path: Path) -> None:
    drawing = draw(ONE, OTHER)
    drawing.begin_stroke((0.0, 150.0), 200, erases=True)
    drawing.extend_stroke((800.0, 150.0))
    drawing.end_stroke()
    CorrectionRecorder(Corrections(tmp_path)).save(drawing, 1, "12", None)
    assert [ink(correction) for correction in Corrections(tmp_path)] == [0, 0]
