from collections.abc import Callable

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike
from numpy.typing import NDArray

from digits_server.preprocessing.lines import (
    Outlines,
    inside_frame,
    remove_ruling,
    without_underline,
)

Mask = NDArray[np.uint8]
SIDE = 160


def seven() -> Mask:
    """Return the ink of a 7 in the middle of a square."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    points = np.array([[50, 40], [110, 40], [70, 120]], np.int32)
    cv2.polylines(mask, [points], False, 1, 8)
    return mask


def ring() -> Mask:
    """Return the ink of a 0."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (80, 80), (30, 45), 0, 0, 360, 1, 8)
    return mask


def with_line(mask: Mask, top: int, left: int, right: int, thickness: int = 5) -> Mask:
    page = mask.copy()
    page[top : top + thickness, left:right] = 1
    return page


def with_frame(mask: Mask, left: int, top: int, right: int, bottom: int) -> Mask:
    page = mask.copy()
    cv2.rectangle(page, (left, top), (right, bottom), 1, 4)
    return page


def _placed(mask: Mask, remove: Callable[[Mask], MatLike | None]) -> Mask | None:
    """Return what remains of the ink, at its place in the mask."""
    left, top, width, height = cv2.boundingRect(mask)
    area = np.s_[top : top + height, left : left + width]
    rest = remove(np.ascontiguousarray(mask[area]))
    if rest is None:
        return None
    whole = np.zeros_like(mask)
    whole[area] = rest
    return whole


def lineless(mask: Mask) -> MatLike | None:
    return _placed(mask, without_underline)


def inside(mask: Mask) -> MatLike | None:
    return _placed(mask, lambda ink: inside_frame(ink, Outlines.find(ink)))


def assert_alike(mask: MatLike | None, expected: Mask, share: float) -> None:
    """Assert that two masks differ by at most a share of the ink."""
    assert mask is not None
    assert np.count_nonzero(mask != expected) <= share * np.count_nonzero(expected)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [((20, 90), ()), ((), (30, 100)), ((20, 130), (30, 130)), (range(5, SIDE, 25), ())],
    ids=["rows", "columns", "squares", "many rows"],
)
def test_lines_from_edge_to_edge_are_removed_and_the_strokes_that_cross_them_stay(
    rows: range, columns: range
) -> None:
    page = seven()
    for row in rows:
        page[row : row + 3] = 1
    for column in columns:
        page[:, column : column + 3] = 1
    rest = remove_ruling(page, page.shape)
    assert_alike(rest, seven(), 0.1)
    component_count, _ = cv2.connectedComponents(rest)
    assert component_count == 2  # the ground, and the 7 in one piece


def test_a_single_line_may_be_a_stroke_and_stays() -> None:
    page = seven()
    page[140:143] = 1
    np.testing.assert_array_equal(remove_ruling(page, page.shape), page)


def test_thick_bars_are_not_ruling() -> None:
    page = seven()
    page[:10] = page[-10:] = 1
    np.testing.assert_array_equal(remove_ruling(page, page.shape), page)


@pytest.mark.parametrize(
    ("shape", "is_ruled"), [((SIDE, 150), True), ((SIDE, SIDE), False)], ids=["whole", "part"]
)
def test_lines_of_a_region_are_ruling_if_they_cross_the_image(
    shape: tuple[int, int], *, is_ruled: bool
) -> None:
    region = np.zeros((60, 150), np.uint8)
    region[[10, 40]] = 1
    assert remove_ruling(region, shape).any() != is_ruled


def test_small_images_have_no_room_for_ruling() -> None:
    lines = np.zeros((60, 60), np.uint8)
    lines[[10, 40]] = 1
    np.testing.assert_array_equal(remove_ruling(lines, lines.shape), lines)


@pytest.mark.parametrize(
    "frame",
    [(46, 20, 130, 140), (20, 36, 140, 140), (46, 36, 130, 124)],
    ids=["at the left", "at the top", "on three sides"],
)
def test_the_ink_inside_a_frame_that_it_touches_remains(frame: tuple[int, int, int, int]) -> None:
    assert_alike(inside(with_frame(seven(), *frame)), seven(), 0.35)


def test_a_tilted_frame_is_a_frame_too() -> None:
    page = with_frame(seven(), 46, 30, 130, 136)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 8, 1)
    turned, expected = (
        (cv2.warpAffine(mask * np.uint8(255), turn, (SIDE, SIDE)) > 127).view(np.uint8)
        for mask in (page, seven())
    )
    assert_alike(inside(turned), expected, 0.45)


@pytest.mark.parametrize(
    "mask",
    [
        seven(),
        ring(),
        with_frame(np.zeros((SIDE, SIDE), np.uint8), 30, 30, 130, 130),  # nothing in it
        with_line(seven(), 120, 20, 140),
    ],
    ids=["7", "0", "empty frame", "underlined"],
)
def test_ink_without_a_frame_around_it_is_not_inside_one(mask: Mask) -> None:
    assert inside(mask) is None


@pytest.mark.parametrize("tilt", [-2, 0, 2])
def test_a_line_below_the_ink_that_it_touches_is_removed(tilt: int) -> None:
    page = seven()
    cv2.line(page, (15, 121 - tilt), (145, 121 + tilt), 1, 4)
    rest = lineless(page)
    assert_alike(rest, seven(), 0.15)
    assert rest is not None
    assert not rest[:, :40].any()
    assert not rest[:, -40:].any()


@pytest.mark.parametrize(
    "mask",
    [
        seven(),
        ring(),
        with_line(seven(), 118, 66, 115),  # the foot of the digit
        with_line(seven(), 118, 70, 145),  # on one side only
        with_line(seven(), 70, 15, 145),  # across, not below
        with_line(seven(), 118, 15, 145, thickness=30),  # a bar
        with_line(np.zeros((SIDE, SIDE), np.uint8), 118, 15, 145),
    ],
    ids=["7", "0", "foot", "one side", "across", "bar", "line alone"],
)
def test_ink_without_a_longer_line_below_it_is_not_underlined(mask: Mask) -> None:
    assert lineless(mask) is None


def test_the_masks_that_are_passed_stay_as_they_are() -> None:
    for page in (
        with_frame(seven(), 46, 36, 130, 124),
        with_line(with_line(seven(), 20, 0, SIDE), 118, 0, SIDE),
    ):
        before = page.copy()
        inside(page)
        lineless(page)
        remove_ruling(page, page.shape)
        np.testing.assert_array_equal(page, before)
