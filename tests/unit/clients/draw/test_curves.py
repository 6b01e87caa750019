"""Smooth curves through the points of a stroke."""

import itertools
import math

import numpy as np
from PIL import Image

from digits_client.draw.curves import draw_curve, segment, smooth
from digits_client.draw.drawing import Drawing
from digits_client.draw.strokes import Point, Stroke

ARC: list[Point] = [
    (200 + 100 * math.cos(angle), 200 + 100 * math.sin(angle)) for angle in np.arange(0, 4, 0.7)
]


def test_a_curve_passes_through_every_point() -> None:
    assert set(ARC) <= set(smooth(ARC))
    assert smooth(ARC[:1]) == ARC[:1]


def test_few_points_on_a_circle_give_a_round_curve() -> None:
    distances = [math.dist(point, (200, 200)) for point in smooth(ARC)[14:-14]]
    assert max(abs(distance - 100) for distance in distances) < 3
    halfway = [(a[0] / 2 + b[0] / 2, a[1] / 2 + b[1] / 2) for a, b in itertools.pairwise(ARC)]
    assert min(math.dist(point, (200, 200)) for point in halfway) < 95


def test_a_sharp_corner_stays_sharp() -> None:
    corner: list[Point] = [(0, 0), (100, 0), (30, 100)]
    assert all(y == 0 for x, y in segment(corner, 0))
    assert max(x for x, _ in smooth(corner)) == 100


def test_equal_points_are_no_problem() -> None:
    assert smooth([(5, 5), (5, 5), (9, 9), (9, 9)])[0] == (5, 5)


def test_an_unfinished_stroke_looks_as_the_finished_one() -> None:
    drawing = Drawing()
    drawing.begin_stroke(ARC[0], 14)
    for count, point in enumerate(ARC[1:], 2):
        drawing.extend_stroke(point)
        expected = Image.new("L", (400, 400), 255)
        draw_curve(expected, Stroke(tuple(ARC[:count]), 14))
        assert drawing.image().tobytes() == expected.tobytes()
        drawing.set_width(400)  # as when the window is resized meanwhile
        assert drawing.image().tobytes() == expected.tobytes()
    drawing.end_stroke()
    assert drawing.image().tobytes() == expected.tobytes()
