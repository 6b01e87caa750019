"""Drawing pen strokes on an image."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_client.draw.strokes import Point, Stroke, draw, draw_stroke


def ink_mask(*strokes: Stroke, size: tuple[int, int] = (60, 40)) -> NDArray[np.bool_]:
    """Return a mask of shape (H, W), True where there is ink."""
    return np.asarray(np.asarray(draw(strokes, size)) == 0, np.bool_)


def line(width: float, *points: Point) -> Stroke:
    return Stroke(points, width)


def test_without_strokes_the_image_is_white_paper_of_the_given_size() -> None:
    image = draw([], (60, 40))
    assert (image.mode, image.size) == ("L", (60, 40))
    assert image.getextrema() == (255, 255)


def test_a_single_point_is_a_disc_as_wide_as_the_pen() -> None:
    ink = ink_mask(line(10, (30, 20)))
    rows, columns = np.nonzero(ink)
    assert np.ptp(rows) == np.ptp(columns) == 10
    assert (rows.mean(), columns.mean()) == (20, 30)
    # A disc fills about pi/4 of its bounding box and leaves the corners empty.
    assert 0.7 < ink.sum() / (11 * 11) < 0.9
    assert not ink[15, 25]


def test_a_line_is_as_thick_as_the_pen_and_has_round_ends() -> None:
    ink = ink_mask(line(10, (15, 20), (45, 20)))
    assert 10 <= ink[:, 30].sum() <= 11
    assert ink[20, 11]  # beyond the last point by less than half the pen
    assert not ink[20, 8]
    assert not ink[15, 10]  # the corner that a square end would have


def test_a_line_between_distant_points_has_no_gaps() -> None:
    ink = ink_mask(line(3, (5, 5), (55, 35)))
    assert ink[:, 5:56].any(axis=0).all()
    assert ink[5:36].any(axis=1).all()


def test_a_sharp_joint_has_no_notch() -> None:
    ink = ink_mask(line(12, (10, 10), (30, 30), (50, 10)))
    assert ink[25:34, 30].all()


def test_a_pen_thinner_than_a_pixel_still_draws() -> None:
    assert ink_mask(line(0.2, (10, 20), (50, 20))).sum() >= 40


def test_a_stroke_that_leaves_the_image_is_cut_off_at_the_edge() -> None:
    ink = ink_mask(line(8, (-20, 20), (80, 20)))
    assert ink[20].all()


def test_strokes_can_be_light_on_dark_and_later_ones_lie_on_top() -> None:
    image = draw([line(6, (10, 20), (50, 20))], (60, 40), paper=30, ink=240)
    assert image.getpixel((0, 0)) == 30
    assert image.getpixel((30, 20)) == 240
    draw_stroke(image, line(6, (30, 5), (30, 35)), ink=99)
    assert image.getpixel((30, 20)) == 99


def test_adding_a_stroke_gives_the_same_image_as_drawing_all_at_once() -> None:
    first, second = line(5, (5, 5), (30, 30)), line(5, (30, 5), (5, 30))
    extended = draw([first], (60, 40))
    draw_stroke(extended, second)
    assert np.array_equal(np.asarray(extended), np.asarray(draw([first, second], (60, 40))))
    assert isinstance(extended, Image.Image)
