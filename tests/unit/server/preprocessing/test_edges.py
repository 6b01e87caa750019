"""Telling edges from strokes."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.edges import is_edge
from digits_server.preprocessing.search import find_readings

Gray = NDArray[np.uint8]


def image(left_level: int, right_level: int, ink: int | None = None, at: int = 30) -> Gray:
    """Return two areas side by side, with a stroke 4 pixels wide between them or without one."""
    gray = np.full((60, 60), left_level, np.uint8)
    gray[:, at:] = right_level
    if ink is not None:
        gray[10:50, at - 2 : at + 2] = ink
    return gray


BAR = np.ones((40, 4), np.uint8)


def upright(gray: Gray, *, is_light: bool = False, left: int = 28) -> bool:
    return is_edge(gray, BAR, left, 10, is_light=is_light)


def lying(gray: Gray, *, is_light: bool = False, left: int = 28) -> bool:
    return is_edge(gray.T, np.ascontiguousarray(BAR.T), 10, left, is_light=is_light)


def inverted(gray: Gray, *, is_light: bool = False, left: int = 28) -> bool:
    return upright(255 - gray, is_light=not is_light, left=left)


@pytest.mark.parametrize("check", [upright, lying, inverted])
class TestBar:
    """A bar, upright, lying, and with black for white."""

    def test_between_two_areas_with_the_level_of_one_it_is_an_edge(
        self, check: Callable[..., bool]
    ) -> None:
        assert check(image(40, 200, ink=40))
        assert check(image(200, 40, ink=45))

    def test_that_differs_from_both_sides_it_is_a_stroke(self, check: Callable[..., bool]) -> None:
        assert not check(image(200, 200, ink=40))
        assert not check(image(220, 150, ink=40))

    def test_along_the_edge_of_the_image_it_is_an_edge(self, check: Callable[..., bool]) -> None:
        gray = image(200, 200)
        gray[10:50, :4] = 40
        assert check(gray, left=0)
        gray = image(200, 200)
        gray[10:50, -4:] = 40
        assert check(gray, left=56)

    def test_two_pixels_away_from_the_edge_of_the_image_it_is_a_stroke(
        self, check: Callable[..., bool]
    ) -> None:
        gray = image(200, 200)
        gray[10:50, 2:6] = 40
        assert not check(gray, left=2)


def test_a_slanted_stroke_is_none_and_a_slanted_edge_is_one() -> None:
    y, x = np.mgrid[0:100, 0:100]
    mask = np.abs(x - y) <= 3
    mask[:20] = mask[80:] = False
    bar = np.ascontiguousarray(mask[20:80, 17:83]).view(np.uint8)
    stroke = np.where(mask, 30, 200).astype(np.uint8)
    edge = np.where(x > y - 4, 30, 200).astype(np.uint8)
    assert not is_edge(stroke, bar, 17, 20, is_light=False)
    assert is_edge(edge, bar, 17, 20, is_light=False)


def test_a_stroke_across_the_edge_of_a_shadow_is_not_an_edge() -> None:
    gray = image(200, 50)
    gray[20:24, 10:50] = 40
    gray[20:24, 30:50] = 10
    assert not is_edge(gray, np.ones((4, 40), np.uint8), 10, 20, is_light=False)


@pytest.mark.parametrize("quarter_turns", range(4))
def test_the_corner_of_an_area_is_an_edge_and_a_stroke_with_a_corner_is_not(
    quarter_turns: int,
) -> None:
    stroke = np.full((80, 80), 200, np.uint8)
    stroke[20:24, 20:60] = stroke[20:60, 56:60] = 40  # like a 7
    area = stroke.copy()
    area[20:, :60] = 40
    corner = np.ascontiguousarray(np.rot90(stroke[20:60, 20:60] == 40, quarter_turns))
    for gray, is_area in ((stroke, False), (area, True)):
        turned = np.ascontiguousarray(np.rot90(gray, quarter_turns))
        assert is_edge(turned, corner.view(np.uint8), 20, 20, is_light=False) == is_area


def test_the_edge_of_a_shadow_is_no_reading_and_a_stroke_in_it_is() -> None:
    gray = np.full((120, 120), 210, np.uint8)
    y, x = np.mgrid[0:120, 0:120]
    gray[x > 70 + y // 4] = 120

    def has_bar() -> bool:
        return any(reading.box[2] < reading.box[3] / 2 for reading in find_readings(gray).readings)

    assert not has_bar()
    gray[30:90, 38:44] = 20
    assert has_bar()
