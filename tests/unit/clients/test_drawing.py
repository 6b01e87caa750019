"""What is on the sheet, step by step."""

import numpy as np
import pytest
from PIL import Image

from digits_client.draw.drawing import SHEET_SIDE, Drawing
from digits_client.draw.strokes import Stroke, draw

LINE = ((50.0, 60.0), (120.0, 200.0), (300.0, 220.0))
DOWN = ((200.0, 40.0), (200.0, 360.0))


def put(drawing: Drawing, points: tuple[tuple[float, float], ...], width: float = 12) -> Stroke:
    drawing.begin_stroke(points[0], width)
    for point in points[1:]:
        drawing.extend_stroke(point)
    drawing.end_stroke()
    return Stroke(points, width)


def same(image: Image.Image, *strokes: Stroke) -> bool:
    return np.array_equal(np.asarray(image), np.asarray(draw(strokes, (SHEET_SIDE, SHEET_SIDE))))


def test_the_image_is_what_the_strokes_make_of_paper() -> None:
    drawing = Drawing()
    assert drawing.is_empty
    assert same(drawing.image())
    first, second = put(drawing, LINE), put(drawing, DOWN, 30)
    assert drawing.strokes == (first, second)
    assert same(drawing.image(), first, second)


def test_a_stroke_that_grows_is_in_the_image_already() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    assert same(drawing.image(), Stroke(LINE[:1], 9))
    drawing.extend_stroke(LINE[1])
    assert same(drawing.image(), Stroke(LINE[:2], 9))
    assert not drawing.is_empty
    assert not drawing.can_undo


def test_an_image_that_was_given_out_stays_as_it_was() -> None:
    drawing = Drawing()
    first = put(drawing, LINE)
    image = drawing.image()
    put(drawing, DOWN)
    drawing.clear()
    assert same(image, first)


def test_undo_and_redo_go_stroke_by_stroke() -> None:
    drawing = Drawing()
    first, second = put(drawing, LINE), put(drawing, DOWN)
    drawing.undo()
    assert same(drawing.image(), first)
    assert drawing.can_redo
    drawing.undo()
    drawing.undo()
    assert drawing.is_empty
    assert not drawing.can_undo
    drawing.redo()
    drawing.redo()
    drawing.redo()
    assert same(drawing.image(), first, second)


def test_after_a_new_stroke_nothing_is_left_to_redo() -> None:
    drawing = Drawing()
    put(drawing, LINE)
    drawing.undo()
    second = put(drawing, DOWN)
    assert not drawing.can_redo
    drawing.redo()
    assert drawing.strokes == (second,)


def test_undo_with_the_pen_on_the_sheet_takes_that_stroke() -> None:
    drawing = Drawing()
    first = put(drawing, LINE)
    drawing.begin_stroke(DOWN[0], 9)
    drawing.undo()
    assert same(drawing.image(), first)
    drawing.extend_stroke(DOWN[1])  # the pen is still moving
    assert same(drawing.image(), first)


def test_clear_can_be_undone() -> None:
    drawing = Drawing()
    first = put(drawing, LINE)
    drawing.clear()
    drawing.clear()
    assert drawing.is_empty
    assert same(drawing.image())
    drawing.undo()
    assert same(drawing.image(), first)


def test_what_is_drawn_after_clear_is_alone() -> None:
    drawing = Drawing()
    put(drawing, LINE)
    drawing.clear()
    second = put(drawing, DOWN)
    assert drawing.strokes == (second,)
    assert same(drawing.image(), second)


def test_an_eraser_leaves_paper() -> None:
    drawing = Drawing()
    put(drawing, DOWN, 10)
    drawing.begin_stroke(DOWN[0], 40, erases=True)
    drawing.extend_stroke(DOWN[1])
    drawing.end_stroke()
    assert drawing.strokes[1].erases
    assert same(drawing.image())


def test_a_picture_takes_the_place_of_strokes_and_gives_it_back() -> None:
    drawing, picture = Drawing(), Image.new("RGB", (30, 20), "red")
    first = put(drawing, LINE)
    drawing.show_picture(picture)
    assert drawing.picture is picture
    assert drawing.image() is picture
    assert drawing.strokes == ()
    assert not drawing.is_empty
    drawing.undo()
    assert drawing.picture is None
    assert same(drawing.image(), first)


@pytest.mark.parametrize("lifted", [True, False])
def test_a_stroke_puts_a_picture_away_until_it_is_undone(lifted: bool) -> None:
    drawing, picture = Drawing(), Image.new("L", (9, 9))
    put(drawing, DOWN)
    drawing.show_picture(picture)
    drawing.begin_stroke(LINE[0], 9)
    if lifted:
        drawing.end_stroke()
    assert drawing.picture is None
    assert same(drawing.image(), Stroke(LINE[:1], 9))
    drawing.undo()
    assert drawing.image() is picture
