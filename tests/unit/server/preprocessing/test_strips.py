"""The lines of digits of an image, and their strips."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.layout import MAX_PAGE_LINES, Layout
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.search import find_readings
from digits_server.preprocessing.strips import _FEW_PIECES, MAX_COLUMNS, STRIP_HEIGHT, Line

Gray = NDArray[np.uint8]


def page(height: int = 200, width: int = 300) -> Gray:
    return np.full((height, width), 255, np.uint8)


def zero(gray: Gray, x: int, y: int, size: int = 40) -> Gray:
    """Draw a zero whose box starts at x and y; it is half as wide as it is high."""
    cv2.ellipse(gray, (x + size // 4, y + size // 2), (size // 4, size // 2), 0, 0, 360, 0, 3)
    return gray


def lines_of(gray: Gray, layout: Layout = Layout.NUMBER) -> list[Line]:
    return find_readings(gray, layout).lines


def pieces(line: Line) -> list[tuple[int, int, int, int]]:
    """Return the boxes, in the image, of the pieces of ink in the strip, from left to right."""
    mask = (line.strip > 0.3).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [
        line.place(slice(y, y + height), slice(x, x + width))
        for x, y, width, height, _ in sorted(boxes[1:].tolist())
    ]


@pytest.mark.parametrize("layout", list(Layout))
def test_ink_that_is_one_digit_at_most_has_no_lines(layout: Layout) -> None:
    assert lines_of(zero(page(), 100, 60), layout) == []
    assert lines_of(page(), layout) == []


def test_a_strip_shows_the_digits_of_a_number_in_the_height_of_all_strips() -> None:
    gray = page()
    for x in (180, 40, 110):
        zero(gray, x, 80)
    [line] = lines_of(gray)
    assert line.strip.shape == (STRIP_HEIGHT, len(line.columns))
    assert line.strip.dtype == np.float32
    assert 0 <= line.strip.min() < 0.9 < line.strip.max() <= 1
    assert not line.strip[[0, 1, -2, -1]].any()
    assert (np.diff(line.columns) > 0).all()
    boxes = pieces(line)
    for (left, top, width, height), x in zip(boxes, (40, 110, 180), strict=True):
        assert abs(left - x) <= 4
        assert abs(top - 80) <= 4
        assert abs(width - 20) <= 8
        assert abs(height - 40) <= 8


@pytest.mark.parametrize(
    ("zeros", "layout", "is_read"),
    [
        (5, Layout.NUMBER, False),
        (5, Layout.PAGE, False),
        (5, Layout.DIGIT, True),
        (2, Layout.NUMBER, True),
    ],
)
def test_ink_that_cannot_be_one_digit_has_no_reading_unless_it_is_said_to_be_one(
    zeros: int, layout: Layout, is_read: bool
) -> None:
    gray = page()
    for index in range(zeros):
        zero(gray, 40 + 40 * index, 80)
    found = find_readings(gray, layout)
    assert len(found.lines) == 1
    assert bool(found.readings) == is_read
    assert found.failure == (Reason.UNSPECIFIED if is_read else Reason.NO_DIGIT)


def test_a_wide_piece_of_ink_may_be_one_digit() -> None:
    gray = page()
    cv2.line(gray, (20, 150), (280, 140), 0, 9)  # with a line below it
    zero(gray, 130, 105)
    found = find_readings(gray, Layout.NUMBER)
    assert found.readings


def test_wide_gaps_of_a_line_are_narrower_in_its_strip() -> None:
    gray = page(200, 400)
    for x in (30, 110, 330):
        zero(gray, x, 80)
    near, far = page(200, 400), page(200, 400)
    for x in (30, 330):
        zero(far, x, 80)
    for x in (30, 70):
        zero(near, x, 80)
    [near_line], [line], [far_line] = lines_of(near), lines_of(gray), lines_of(far)
    # Three zeros and two gaps of a strip's 24 rows at most, where the image has six zeros' room.
    assert near_line.strip.shape[1] <= far_line.strip.shape[1] <= 60
    assert line.strip.shape[1] <= 90
    assert [left for left, *_ in pieces(line)] == pytest.approx([30, 110, 330], abs=4)


def test_light_ink_and_large_images_have_the_same_lines() -> None:
    gray = page()
    for x in (40, 110):
        zero(gray, x, 80)
    [line] = lines_of(gray)
    [light] = lines_of(np.asarray(255 - gray))
    [large] = lines_of(gray.repeat(4, 0).repeat(4, 1))
    np.testing.assert_array_equal(light.strip, line.strip)
    assert pieces(light) == pieces(line)
    np.testing.assert_allclose(pieces(large), np.array(pieces(line)) * 4, atol=12)


def test_a_page_has_its_lines_from_the_top() -> None:
    gray = page(300, 400)
    for y in (210, 20, 115):
        for x in (30, 80, 330):  # a wide gap
            zero(gray, x + y % 7, y)
    lines = lines_of(gray, Layout.PAGE)
    assert len({line.view for line in lines}) == 1
    tops = [pieces(line)[0][1] for line in lines]
    assert tops == sorted(tops)
    assert len(tops) == 3
    assert all(len(pieces(line)) == 3 for line in lines)


@pytest.mark.parametrize("rise", [-0.15, 0.15])
def test_a_sloped_line_is_one_line(rise: float) -> None:
    gray = page(260, 500)
    for index in range(7):
        zero(gray, 30 + 60 * index, round(100 + rise * 60 * (index - 3)))
    [line] = lines_of(gray)
    assert len(pieces(line)) == 7


def test_a_small_part_belongs_to_the_line_of_the_digit_that_it_is_next_to() -> None:
    gray = page(240)
    for x, y in ((40, 30), (110, 30), (40, 130), (110, 130)):
        zero(gray, x, y)
    gray[132:136, 134:150] = 0  # a dash
    first, second = lines_of(gray, Layout.PAGE)
    assert len(pieces(first)) == 2
    assert len(pieces(second)) == 3


def test_digits_in_cells_have_a_view_without_the_cells() -> None:
    gray = page()
    for index in range(3):
        cv2.rectangle(gray, (30 + 80 * index, 50), (110 + 80 * index, 150), 120, 2)
        zero(gray, 60 + 80 * index, 80)
    views = {line.view: pieces(line) for line in lines_of(gray)}
    assert any(
        [abs(left - x) <= 4 for (left, *_), x in zip(boxes, (60, 140, 220), strict=False)]
        == [True] * 3
        for boxes in views.values()
        if len(boxes) == 3
    )


def test_a_few_pieces_show_whether_an_image_of_a_digit_holds_several() -> None:
    gray = page(100, 1200)
    for index in range(25):
        zero(gray, 20 + 45 * index, 30)
    [line] = lines_of(gray, Layout.DIGIT)
    assert len(pieces(line)) == _FEW_PIECES
    [line] = lines_of(gray, Layout.NUMBER)
    assert len(pieces(line)) == 25


def test_more_lines_than_a_page_has_are_an_error_unless_one_digit_is_asked_for() -> None:
    gray = page(40 * (MAX_PAGE_LINES + 2), 400)
    for row in range(MAX_PAGE_LINES + 2):
        for x in (20, 80):
            zero(gray, x, 40 * row + 8, 24)
    for layout in (Layout.NUMBER, Layout.PAGE):
        with pytest.raises(InvalidArgumentError, match="at most 32 lines of 32 digits"):
            find_readings(gray, layout)
    assert lines_of(gray, Layout.DIGIT)


def test_a_page_of_scribbles_has_strips_of_bounded_width() -> None:
    random = np.random.default_rng(4)
    for count in (50, 400, 4000):
        gray = page(600, 600)
        for x, y in random.integers(0, 600, (count, 2)).tolist():
            cv2.line(
                gray, (x, y), tuple((np.array((x, y)) + random.integers(-30, 30, 2)).tolist()), 0, 2
            )
        for layout in Layout:
            try:
                lines = lines_of(gray, layout)
            except InvalidArgumentError:
                continue
            assert sum(len(line.columns) for line in lines) <= 2 * MAX_COLUMNS


def test_grain_on_uneven_ground_is_no_error() -> None:
    random = np.random.default_rng(5)
    gray = np.linspace(60, 220, 400)[None] + random.normal(0, 25, (300, 400))
    find_readings(np.clip(gray, 0, 255).astype(np.uint8), Layout.PAGE)


def test_an_image_that_already_is_a_frame_may_hold_two_digits() -> None:
    gray = np.zeros((28, 28), np.uint8)
    gray[4:24, 5:8] = 255
    cv2.ellipse(gray, (18, 14), (5, 9), 0, 0, 360, 255, 2)
    for layout in Layout:
        found = find_readings(gray, layout)
        assert len(found.readings) == 1
        assert len(found.lines) == 1


def test_boxes_stay_in_the_image() -> None:
    gray = page(60, 140)
    for x in (0, 60, 119):
        zero(gray, x, 10, 42)
    lines = lines_of(gray)
    assert lines
    for line in lines:
        height, width = line.strip.shape
        left, top, wide, tall = line.place(slice(0, height), slice(0, width))
        assert left >= 0
        assert top >= 0
        assert left + wide <= 140
        assert top + tall <= 60
