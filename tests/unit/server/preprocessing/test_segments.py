"""Cutting a line of digits into segments, and the runs of segments that may be a digit."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.segments import (
    MAX_RUN,
    Segment,
    find_runs,
    find_segments,
    line_height,
)

Mask = NDArray[np.uint8]
HEIGHT = 80


def page(width: int = 400) -> Mask:
    return np.zeros((120, width), np.uint8)


def ring(mask: Mask, x: int) -> Mask:
    """Draw a zero, 60 pixels wide, around a column."""
    cv2.ellipse(mask, (x, 60), (26, 36), 0, 0, 360, 1, 8)
    return mask


def bar(mask: Mask, x: int, *, top: int = 20, bottom: int = 100, width: int = 8) -> Mask:
    mask[top:bottom, x - width // 2 : x + width // 2] = 1
    return mask


def segments_of(mask: Mask) -> list[Segment]:
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    height = line_height(boxes[1:, 3].astype(np.float64))
    return find_segments(labels, boxes[1:], range(count - 1), height)


def ink_of(segments: list[Segment], shape: tuple[int, ...]) -> Mask:
    """Return how many segments have ink at each pixel."""
    total: Mask = np.zeros(shape, np.uint8)
    for each in segments:
        total[each.top : each.bottom, each.left : each.right] += np.asarray(each.mask, np.uint8)
    return total


def test_ink_with_gaps_has_a_segment_for_each_piece_from_the_left() -> None:
    mask = bar(bar(bar(page(), 300), 180, width=40), 40)
    segments = segments_of(mask)
    assert [segment.left for segment in segments] == [36, 160, 296]
    assert len({segment.piece for segment in segments}) == 3


def test_narrow_ink_is_not_cut() -> None:
    [segment] = segments_of(bar(page(), 60, width=50))
    assert segment.mask.all()


@pytest.mark.parametrize("distance", [54, 57, 60])
def test_each_of_two_touching_digits_is_a_run_of_segments(distance: int) -> None:
    mask = ring(ring(page(), 100), 100 + distance)
    segments = segments_of(mask)
    assert len({segment.piece for segment in segments}) == 1
    for x in (100, 100 + distance):
        alone = ring(page(), x)
        best = max(
            (alone & shown).sum() / (alone | shown).sum()
            for start, end in find_runs(segments, HEIGHT)
            for shown in [ink_of(segments[start:end], mask.shape)]
        )
        assert best > 0.7


def test_cuts_lose_no_ink_and_use_none_twice() -> None:
    for distance in range(40, 70, 5):
        mask = ring(ring(ring(page(), 80), 80 + distance), 80 + 2 * distance)
        np.testing.assert_array_equal(ink_of(segments_of(mask), mask.shape), mask)


def test_a_slanted_gap_is_followed() -> None:
    mask = page()
    cv2.line(mask, (40, 100), (90, 20), 1, 8)
    cv2.line(mask, (60, 100), (110, 20), 1, 8)
    mask[60:64, 60:90] = 1  # they touch once, and no upright line is between them
    bar(mask, 150)
    mask[60:64, 90:150] = 1
    segments = segments_of(mask)
    sizes = [int(segment.mask.sum()) for segment in segments]
    assert len(segments) >= 2
    assert sorted(sizes)[-2] > 0.25 * mask.sum()


def test_the_number_of_cuts_is_limited() -> None:
    mask = page(4000)
    mask[20:100, ::3] = 1
    mask[60] = 1
    assert len(segments_of(mask)) <= 4000 / 80 * 5 + 1


def test_a_run_is_no_longer_than_its_limit_and_every_segment_is_one() -> None:
    segments = [Segment(np.ones((80, 2), np.uint8), 3 * n, 0, 0) for n in range(20)]
    runs = find_runs(segments, HEIGHT)
    assert {(n, n + 1) for n in range(20)} <= set(runs)
    assert max(end - start for start, end in runs) == MAX_RUN
    assert runs == sorted(runs)


def test_tall_pieces_that_are_far_apart_are_not_one_digit() -> None:
    near = [Segment(np.ones((80, 8), np.uint8), left, 0, left) for left in (0, 24)]
    far = [Segment(np.ones((80, 8), np.uint8), left, 0, left) for left in (0, 90)]
    assert (0, 2) in find_runs(near, HEIGHT)
    assert (0, 2) not in find_runs(far, HEIGHT)


def test_a_stroke_next_to_a_digit_may_belong_to_it() -> None:
    five = Segment(np.ones((80, 50), np.uint8), 0, 0, 0)
    dash = Segment(np.ones((8, 30), np.uint8), 55, 0, 1)
    assert find_runs([five, dash], HEIGHT) == [(0, 1), (0, 2), (1, 2)]


def test_the_height_of_a_line_is_that_of_its_digits() -> None:
    assert line_height(np.array([80.0, 84.0, 78.0, 10.0, 30.0])) == 80
