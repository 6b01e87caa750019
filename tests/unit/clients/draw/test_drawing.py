"""What is on the sheet, step by step."""

import random

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


def test_the_image_is_right_while_a_stroke_grows_after_undo_and_redo() -> None:
    drawing = Drawing()
    first, second = put(drawing, LINE), put(drawing, DOWN, 30)
    drawing.undo()
    drawing.begin_stroke((10.0, 10.0), 5)
    drawing.extend_stroke((390.0, 10.0))
    growing = Stroke(((10.0, 10.0), (390.0, 10.0)), 5)
    assert drawing.strokes == (first, growing)
    assert same(drawing.image(), first, growing)
    drawing.undo()
    drawing.redo()
    assert same(drawing.image(), first, growing)
    assert not same(drawing.image(), first, second)


def test_an_image_given_out_while_a_stroke_grows_stays_as_it_was() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    image = drawing.image()
    drawing.extend_stroke(LINE[1])
    drawing.end_stroke()
    assert same(image, Stroke(LINE[:1], 9))


def test_the_stroke_that_was_taken_from_under_the_pen_can_be_redone() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    drawing.extend_stroke(LINE[1])
    drawing.undo()
    assert drawing.is_empty
    drawing.redo()
    assert drawing.strokes == (Stroke(LINE[:2], 9),)


def test_a_pen_put_down_again_begins_another_stroke() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    drawing.begin_stroke(DOWN[0], 20, erases=True)
    drawing.end_stroke()
    assert drawing.strokes == (Stroke(LINE[:1], 9), Stroke(DOWN[:1], 20, erases=True))


def test_a_pen_that_is_off_the_sheet_leaves_nothing() -> None:
    drawing = Drawing()
    drawing.extend_stroke(LINE[0])
    drawing.end_stroke()
    assert drawing.is_empty
    assert not drawing.can_undo
    put(drawing, LINE)
    drawing.end_stroke()
    drawing.undo()
    assert drawing.is_empty


def test_clear_and_pictures_can_be_redone_and_end_what_was_undone() -> None:
    picture = Image.new("L", (9, 9))
    for step in (Drawing.clear, lambda drawing: drawing.show_picture(picture)):
        drawing = Drawing()
        put(drawing, LINE)
        put(drawing, DOWN)
        drawing.undo()
        step(drawing)
        assert not drawing.can_redo
        shown = drawing.image()
        drawing.undo()
        drawing.redo()
        assert np.array_equal(np.asarray(drawing.image()), np.asarray(shown))
        assert drawing.strokes == ()


def test_a_picture_on_a_picture_is_undone_to_the_first() -> None:
    drawing, first, second = Drawing(), Image.new("L", (9, 9)), Image.new("L", (8, 8))
    drawing.show_picture(first)
    drawing.show_picture(second)
    assert drawing.image() is second
    drawing.undo()
    assert drawing.image() is first
    drawing.clear()
    assert drawing.is_empty
    assert same(drawing.image())
    drawing.undo()
    assert drawing.image() is first


class Retold:
    """The rules of the sheet told forwards: each step changes what the ones before left."""

    def __init__(self) -> None:
        self.steps: list[Stroke | Image.Image | None] = []
        self.undone: list[Stroke | Image.Image | None] = []

    def take(self, step: Stroke | Image.Image | None) -> None:
        self.steps.append(step)
        self.undone = []

    def shown(self) -> tuple[Image.Image | None, tuple[Stroke, ...]]:
        picture: Image.Image | None = None
        strokes: tuple[Stroke, ...] = ()
        for step in self.steps:
            if isinstance(step, Stroke):
                picture, strokes = None, (*strokes, step)
            else:
                picture, strokes = step, ()
        return picture, strokes


@pytest.mark.parametrize("seed", range(5))
def test_whatever_the_order_of_steps_the_sheet_shows_what_they_leave(seed: int) -> None:
    chance = random.Random(seed)
    drawing, retold = Drawing(), Retold()
    for _ in range(80):
        if chance.random() < 0.3:  # with the pen on the sheet, which the next step ends
            points = [(chance.uniform(-20, 420), chance.uniform(-20, 420)) for _ in range(3)]
            width, erases = chance.uniform(4, 48), chance.random() < 0.3
            drawing.begin_stroke(points[0], width, erases=erases)
            for point in points[1:]:
                drawing.extend_stroke(point)
            retold.take(Stroke(tuple(points), width, erases))
        match chance.choice(["lift", "lift", "undo", "undo", "redo", "clear", "picture"]):
            case "lift":
                drawing.end_stroke()
            case "undo":
                drawing.undo()
                if retold.steps:
                    retold.undone.append(retold.steps.pop())
            case "redo":
                drawing.redo()
                if retold.undone:
                    retold.steps.append(retold.undone.pop())
            case "clear":
                drawing.clear()
                if retold.shown() != (None, ()):
                    retold.take(None)
            case "picture":
                picture = Image.new("L", (5, 5))
                drawing.show_picture(picture)
                retold.take(picture)
        picture_shown, strokes_shown = retold.shown()
        assert drawing.strokes == strokes_shown
        assert drawing.picture is picture_shown
        assert drawing.is_empty is (picture_shown is None and not strokes_shown)
        assert (drawing.can_undo, drawing.can_redo) == (bool(retold.steps), bool(retold.undone))
        if picture_shown is None:
            assert same(drawing.image(), *strokes_shown)
        else:
            assert drawing.image() is picture_shown
