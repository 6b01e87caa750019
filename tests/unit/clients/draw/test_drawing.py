"""The content of the sheet, step by step."""

import random

import numpy as np
import pytest
from PIL import Image

from digits_client.draw.curves import draw_curve
from digits_client.draw.drawing import MAX_SHEET_WIDTH, SHEET_HEIGHT, Drawing
from digits_client.draw.strokes import PAPER, Stroke

LINE = ((50.0, 60.0), (120.0, 200.0), (300.0, 220.0))
DOWN = ((200.0, 40.0), (200.0, 360.0))


def draw_line(
    drawing: Drawing,
    points: tuple[tuple[float, float], ...],
    width: float = 12,
    *,
    erases: bool = False,
) -> Stroke:
    drawing.begin_stroke(points[0], width, erases=erases)
    for point in points[1:]:
        drawing.extend_stroke(point)
    drawing.end_stroke()
    return Stroke(points, width, erases)


def shows(image: Image.Image, *strokes: Stroke) -> bool:
    """Return whether an image shows exactly these strokes."""
    expected = Image.new("L", (SHEET_HEIGHT, SHEET_HEIGHT), PAPER)
    for stroke in strokes:
        draw_curve(expected, stroke)
    return np.array_equal(np.asarray(image), np.asarray(expected))


def test_the_image_shows_the_strokes() -> None:
    drawing = Drawing()
    assert drawing.is_empty
    assert shows(drawing.image())
    first, second = draw_line(drawing, LINE), draw_line(drawing, DOWN, 30)
    assert drawing.strokes == (first, second)
    assert shows(drawing.image(), first, second)


def test_an_unfinished_stroke_is_in_the_image() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    assert shows(drawing.image(), Stroke(LINE[:1], 9))
    drawing.extend_stroke(LINE[1])
    assert shows(drawing.image(), Stroke(LINE[:2], 9))
    assert not drawing.is_empty
    assert not drawing.can_undo


def test_a_returned_image_does_not_change_with_the_drawing() -> None:
    drawing = Drawing()
    first = draw_line(drawing, LINE)
    image = drawing.image()
    draw_line(drawing, DOWN)
    drawing.clear()
    assert shows(image, first)


def test_undo_and_redo_work_stroke_by_stroke() -> None:
    drawing = Drawing()
    first, second = draw_line(drawing, LINE), draw_line(drawing, DOWN)
    drawing.undo()
    assert shows(drawing.image(), first)
    assert drawing.can_redo
    drawing.undo()
    drawing.undo()
    assert drawing.is_empty
    assert not drawing.can_undo
    drawing.redo()
    drawing.redo()
    drawing.redo()
    assert shows(drawing.image(), first, second)


def test_a_new_stroke_discards_the_steps_to_redo() -> None:
    drawing = Drawing()
    draw_line(drawing, LINE)
    drawing.undo()
    second = draw_line(drawing, DOWN)
    assert not drawing.can_redo
    drawing.redo()
    assert drawing.strokes == (second,)


def test_undo_with_the_pen_down_removes_the_unfinished_stroke() -> None:
    drawing = Drawing()
    first = draw_line(drawing, LINE)
    drawing.begin_stroke(DOWN[0], 9)
    drawing.undo()
    assert shows(drawing.image(), first)
    drawing.extend_stroke(DOWN[1])  # the pen is still moving
    assert shows(drawing.image(), first)


def test_clear_can_be_undone() -> None:
    drawing = Drawing()
    first = draw_line(drawing, LINE)
    drawing.clear()
    drawing.clear()
    assert drawing.is_empty
    assert shows(drawing.image())
    drawing.undo()
    assert shows(drawing.image(), first)


def test_a_stroke_after_clear_is_the_only_one() -> None:
    drawing = Drawing()
    draw_line(drawing, LINE)
    drawing.clear()
    second = draw_line(drawing, DOWN)
    assert drawing.strokes == (second,)
    assert shows(drawing.image(), second)


def test_the_eraser_draws_paper() -> None:
    drawing = Drawing()
    draw_line(drawing, DOWN, 10)
    drawing.begin_stroke(DOWN[0], 40, erases=True)
    drawing.extend_stroke(DOWN[1])
    drawing.end_stroke()
    assert drawing.strokes[1].erases
    assert shows(drawing.image())
    assert drawing.is_blank
    assert not drawing.is_empty
    drawing.undo()
    assert not drawing.is_blank


def test_a_picture_replaces_the_strokes_until_it_is_undone() -> None:
    drawing, picture = Drawing(), Image.new("RGB", (30, 20), "red")
    first = draw_line(drawing, LINE)
    drawing.show_picture(picture)
    assert drawing.picture is picture
    assert drawing.image() is picture
    assert drawing.strokes == ()
    assert not drawing.is_empty
    drawing.undo()
    assert drawing.picture is None
    assert shows(drawing.image(), first)


@pytest.mark.parametrize("lifted", [True, False])
def test_a_stroke_removes_a_picture_until_it_is_undone(lifted: bool) -> None:
    drawing, picture = Drawing(), Image.new("L", (9, 9))
    draw_line(drawing, DOWN)
    drawing.show_picture(picture)
    drawing.begin_stroke(LINE[0], 9)
    if lifted:
        drawing.end_stroke()
    assert drawing.picture is None
    assert shows(drawing.image(), Stroke(LINE[:1], 9))
    drawing.undo()
    assert drawing.image() is picture


def test_an_unfinished_stroke_is_drawn_over_the_right_steps_after_undo_and_redo() -> None:
    drawing = Drawing()
    first, second = draw_line(drawing, LINE), draw_line(drawing, DOWN, 30)
    drawing.undo()
    drawing.begin_stroke((10.0, 10.0), 5)
    drawing.extend_stroke((390.0, 10.0))
    unfinished = Stroke(((10.0, 10.0), (390.0, 10.0)), 5)
    assert drawing.strokes == (first, unfinished)
    assert shows(drawing.image(), first, unfinished)
    drawing.undo()
    drawing.redo()
    assert shows(drawing.image(), first, unfinished)
    assert not shows(drawing.image(), first, second)


def test_a_returned_image_does_not_change_with_the_unfinished_stroke() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    image = drawing.image()
    drawing.extend_stroke(LINE[1])
    drawing.end_stroke()
    assert shows(image, Stroke(LINE[:1], 9))


def test_an_unfinished_stroke_that_was_undone_can_be_redone() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    drawing.extend_stroke(LINE[1])
    drawing.undo()
    assert drawing.is_empty
    drawing.redo()
    assert drawing.strokes == (Stroke(LINE[:2], 9),)


def test_putting_the_pen_down_again_starts_another_stroke() -> None:
    drawing = Drawing()
    drawing.begin_stroke(LINE[0], 9)
    drawing.begin_stroke(DOWN[0], 20, erases=True)
    drawing.end_stroke()
    assert drawing.strokes == (Stroke(LINE[:1], 9), Stroke(DOWN[:1], 20, erases=True))


def test_moving_and_lifting_a_lifted_pen_does_nothing() -> None:
    drawing = Drawing()
    drawing.extend_stroke(LINE[0])
    drawing.end_stroke()
    assert drawing.is_empty
    assert not drawing.can_undo
    draw_line(drawing, LINE)
    drawing.end_stroke()
    drawing.undo()
    assert drawing.is_empty


def test_clear_and_pictures_can_be_redone_and_discard_the_steps_to_redo() -> None:
    picture = Image.new("L", (9, 9))
    for step in (Drawing.clear, lambda drawing: drawing.show_picture(picture)):
        drawing = Drawing()
        draw_line(drawing, LINE)
        draw_line(drawing, DOWN)
        drawing.undo()
        step(drawing)
        assert not drawing.can_redo
        shown = drawing.image()
        drawing.undo()
        drawing.redo()
        assert np.array_equal(np.asarray(drawing.image()), np.asarray(shown))
        assert drawing.strokes == ()


def test_restoring_a_drawing_discards_the_steps_to_redo() -> None:
    drawing = Drawing()
    first = draw_line(drawing, LINE)
    content = drawing.content
    drawing.undo()
    drawing.restore(content)
    assert not drawing.can_redo
    assert shows(drawing.image(), first)


def test_undoing_a_second_picture_shows_the_first() -> None:
    drawing, first, second = Drawing(), Image.new("L", (9, 9)), Image.new("L", (8, 8))
    drawing.show_picture(first)
    drawing.show_picture(second)
    assert drawing.image() is second
    drawing.undo()
    assert drawing.image() is first
    drawing.clear()
    assert drawing.is_empty
    assert shows(drawing.image())
    drawing.undo()
    assert drawing.image() is first


class ReferenceSheet:
    """A simple model of the sheet: it replays all steps from the first to the last."""

    def __init__(self) -> None:
        self.steps: list[Stroke | Image.Image | None] = []
        self.undone: list[Stroke | Image.Image | None] = []

    def add(self, step: Stroke | Image.Image | None) -> None:
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
def test_random_steps_leave_the_same_sheet_as_the_reference(seed: int) -> None:
    rng = random.Random(seed)
    drawing, reference = Drawing(), ReferenceSheet()
    for _ in range(80):
        if rng.random() < 0.3:  # leaves the pen down; the next step ends the stroke
            points = [(rng.uniform(-20, 420), rng.uniform(-20, 420)) for _ in range(3)]
            width, erases = rng.uniform(4, 48), rng.random() < 0.3
            drawing.begin_stroke(points[0], width, erases=erases)
            for point in points[1:]:
                drawing.extend_stroke(point)
            reference.add(Stroke(tuple(points), width, erases))
        match rng.choice(["lift", "lift", "undo", "undo", "redo", "clear", "picture"]):
            case "lift":
                drawing.end_stroke()
            case "undo":
                drawing.undo()
                if reference.steps:
                    reference.undone.append(reference.steps.pop())
            case "redo":
                drawing.redo()
                if reference.undone:
                    reference.steps.append(reference.undone.pop())
            case "clear":
                drawing.clear()
                if reference.shown() != (None, ()):
                    reference.add(None)
            case "picture":
                picture = Image.new("L", (5, 5))
                drawing.show_picture(picture)
                reference.add(picture)
        picture_shown, strokes_shown = reference.shown()
        assert drawing.strokes == strokes_shown
        assert drawing.picture is picture_shown
        assert drawing.is_empty is (picture_shown is None and not strokes_shown)
        assert (drawing.can_undo, drawing.can_redo) == (
            bool(reference.steps),
            bool(reference.undone),
        )
        if picture_shown is None:
            assert shows(drawing.image(), *strokes_shown)
        else:
            assert drawing.image() is picture_shown


def test_the_sheet_becomes_wider_and_keeps_its_ink() -> None:
    drawing = Drawing()
    drawing.begin_stroke((300.0, 200.0), 20)
    drawing.end_stroke()
    narrow = np.asarray(drawing.image())
    drawing.set_width(900)
    wide = np.asarray(drawing.image())
    assert (drawing.width, wide.shape) == (900, (SHEET_HEIGHT, 900))
    np.testing.assert_array_equal(wide[:, :SHEET_HEIGHT], narrow)
    assert (wide[:, SHEET_HEIGHT:] == 255).all()


def test_the_sheet_is_never_so_narrow_that_ink_is_cut_off() -> None:
    drawing = Drawing()
    drawing.set_width(900)
    drawing.begin_stroke((800.0, 200.0), 60)
    drawing.set_width(100)
    assert 830 <= drawing.width < 900
    drawing.end_stroke()
    draw_line(drawing, ((850.0, 200.0), (950.0, 200.0)), erases=True)
    drawing.set_width(830)
    assert drawing.width == 830  # neither for the eraser nor for a margin
    drawing.clear()
    drawing.set_width(100)
    assert drawing.width == SHEET_HEIGHT
    drawing.set_width(10**6)
    assert drawing.width == MAX_SHEET_WIDTH
