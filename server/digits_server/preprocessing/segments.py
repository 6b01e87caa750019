"""The segments of a line of digits: pieces of ink, and the parts of wide pieces between cuts.

A digit is a run of one or more neighboring segments. There are more cuts than digits that touch:
which runs are digits is for the network to say.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# Shares of the line's height: wider ink may be several digits, a cut goes through so much ink at
# most, and between two cuts is at least the ink of a stroke of such a length. There are at most so
# many cuts for each height of the line.
_MIN_CUT_WIDTH: Final = 0.75
_MAX_CUT_INK: Final = 0.3
_MIN_STROKE: Final = 0.45
_MAX_CUTS: Final = 5.0
# Cuts are searched on a copy of at most this height. They follow the gaps between strokes, which
# are looked for in these rows, as shares of its height. A step to the side costs as much as so much
# ink.
_CUT_ROWS: Final = 64
_GAP_ROWS: Final = (0.4, 0.6)
_STEP_COST: Final = 0.25

# A digit has at most so many segments, and as a share of the line's height at most so wide a box,
# or so wide a one if it ends at a cut, or if several of its parts are as high as a digit. What ends
# at a cut is at least so high.
MAX_RUN: Final = 6
_MAX_WIDTH: Final = 1.9
_MAX_CUT_WIDTH: Final = 1.2
_MAX_JOINED_WIDTH: Final = 1.0
_MIN_CUT_HEIGHT: Final = 0.5
_MAX_GAP: Final = 0.25
_DIGIT_HEIGHT: Final = 0.6


class Segment(NamedTuple):
    """Ink that is no more than one digit, or a cut would be missing."""

    mask: MatLike
    """(h, w) uint8, 1 at ink, cropped to the ink."""
    left: int
    top: int
    piece: int
    """Index of the piece of ink that it is from."""

    @property
    def right(self) -> int:
        """The column after its last."""
        return self.left + int(self.mask.shape[1])

    @property
    def bottom(self) -> int:
        """The row after its last."""
        return self.top + int(self.mask.shape[0])


def line_height(heights: NDArray[np.float64]) -> float:
    """Return the height of the digits of a line, given the (N,) heights of its pieces."""
    return float(np.median(heights[heights >= _DIGIT_HEIGHT * heights.max()]))


def find_segments(
    labels: MatLike, boxes: MatLike, pieces: Sequence[int], height: float
) -> list[Segment]:
    """Return the segments of a line, from left to right by their middles.

    Args:
        labels: (H, W) the number of each pixel's piece, from 1.
        boxes: (N, 5) left, top, width, height and pixel count of each piece, from number 1.
        pieces: Indices of the pieces of the line.
        height: Height of the line's digits.
    """
    segments: list[Segment] = []
    for piece in pieces:
        left, top, wide, tall = boxes[piece, :4].tolist()
        mask = (labels[top : top + tall, left : left + wide] == piece + 1).view(np.uint8)
        for part in _cut(mask, height):
            x, y, width, rows = cv2.boundingRect(part)
            if width:
                cropped = np.ascontiguousarray(part[y : y + rows, x : x + width])
                segments.append(Segment(cropped, left + x, top + y, piece))
    return sorted(segments, key=lambda segment: segment.left + segment.right)


def _cut(mask: MatLike, height: float) -> list[MatLike]:
    """Return the parts of a piece of ink between its cuts, each of the piece's size."""
    tall, wide = mask.shape
    if wide < _MIN_CUT_WIDTH * height or tall < _DIGIT_HEIGHT * height:
        return [mask]
    paths = _find_cuts(mask, height)
    left_of = np.arange(wide) < paths[:, :, None]  # (K, tall, wide)
    number = len(paths) - left_of.sum(axis=0)
    return [mask * (number == index).view(np.uint8) for index in range(len(paths) + 1)]


def _find_cuts(mask: MatLike, height: float) -> NDArray[np.intp]:
    """Return the cuts through a piece of ink: (K, h) the column right of each, row by row.

    A cut goes from the top to the bottom through as little ink as possible. Of the cheapest ones
    through each gap between strokes, those stay that have enough ink between them.
    """
    scale = min(1.0, _CUT_ROWS / mask.shape[0])
    size = max(2, round(mask.shape[1] * scale)), max(2, round(mask.shape[0] * scale))
    resized = cv2.resize(mask * np.float32(1), size, interpolation=cv2.INTER_AREA)
    ink = np.asarray(resized, np.float32)
    height *= scale
    upper, lower = _accumulate(ink), _accumulate(ink[::-1])[::-1]
    costs: list[NDArray[np.float32]] = []
    paths: list[NDArray[np.intp]] = []
    for row in sorted({int(share * len(ink)) for share in _GAP_ROWS}):
        cost = upper[row] + lower[row] - ink[row]
        columns = _low_points(cost, ink[row])
        columns = columns[cost[columns] <= (_MAX_CUT_INK + _STEP_COST) * height]
        costs.append(cost[columns])
        below = _trace(lower[row:][::-1], columns)[::-1]
        paths.append(np.concatenate((_trace(upper[: row + 1], columns), below[1:])).T)
    order = np.argsort(np.concatenate(costs), kind="stable")
    least_ink = _MIN_STROKE * height * _pen_width(ink)
    most = max(1, int(_MAX_CUTS * size[0] / height))
    cuts = _choose(np.concatenate(paths)[order], ink, least_ink, most)
    rows = np.minimum((np.arange(mask.shape[0]) * scale).astype(np.intp), len(ink) - 1)
    return np.asarray(np.rint(cuts[:, rows] / scale), np.intp)


def _pen_width(ink: NDArray[np.float32]) -> float:
    """Return the width of the strokes, four times the mean distance to their edges; 1 or more."""
    mask = (ink >= 0.5).view(np.uint8)
    return max(1.0, 4 * cv2.mean(cv2.distanceTransform(mask, cv2.DIST_L2, 3), mask)[0])


def _low_points(cost: NDArray[np.float32], ink: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the columns where the cost is lower than around them, and the cheapest of each gap."""
    falls = np.concatenate(([True], cost[1:] <= cost[:-1]))
    rises = np.concatenate((cost[:-1] <= cost[1:], [True]))
    columns = [(first + last) // 2 for first, last in _stretches(falls & rises)]
    columns += [
        first + int(cost[first : last + 1].argmin()) for first, last in _stretches(ink < 0.5)
    ]
    return np.unique(np.array(columns, np.intp))


def _stretches(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last index of each stretch of set flags."""
    changes = np.flatnonzero(np.diff(flags, prepend=False, append=False))
    for first, end in changes.reshape(-1, 2).tolist():
        yield first, end - 1


def _choose(
    cuts: NDArray[np.intp], ink: NDArray[np.float32], least_ink: float, most: int
) -> NDArray[np.intp]:
    """Return those cuts, from left to right, that have so much ink on both sides and cross none.

    Of two that have less between them, the first one stays. No more than ``most`` are chosen.
    """
    ink_left_of = np.pad(ink.cumsum(axis=1), ((0, 0), (1, 0)))
    amounts = np.take_along_axis(ink_left_of, cuts.T, axis=1).sum(axis=0)
    chosen: list[int] = []
    taken = [0.0, float(ink.sum())]
    for index, amount in enumerate(amounts.tolist()):
        if len(chosen) == most:
            break
        if min(abs(amount - other) for other in taken) < least_ink:
            continue
        sides = np.sign(cuts[chosen] - cuts[index])
        if not ((sides.max(axis=1) > 0) & (sides.min(axis=1) < 0)).any():
            chosen.append(index)
            taken.append(amount)
    return cuts[sorted(chosen, key=lambda index: float(amounts[index]))]


def _accumulate(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cost of the cheapest way from the first row to each point, (h, w)."""
    costs = np.empty_like(ink)
    costs[0] = ink[0]
    for row in range(1, len(ink)):
        above = costs[row - 1]
        best = above.copy()
        np.minimum(best[1:], above[:-1] + np.float32(_STEP_COST), out=best[1:])
        np.minimum(best[:-1], above[1:] + np.float32(_STEP_COST), out=best[:-1])
        costs[row] = best + ink[row]
    return costs


def _trace(costs: NDArray[np.float32], columns: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the cheapest ways, (h, K), that end at the given columns of the last row."""
    path = np.empty((len(costs), len(columns)), np.intp)
    path[-1] = columns
    for row in range(len(costs) - 2, -1, -1):
        below, above = path[row + 1], costs[row]
        sides = np.clip(below + np.array([[0], [-1], [1]]), 0, costs.shape[1] - 1)
        steps = above[sides] + np.array([[0], [_STEP_COST], [_STEP_COST]], np.float32)
        path[row] = sides[steps.argmin(axis=0), np.arange(len(columns))]
    return path


def find_runs(segments: Sequence[Segment], height: float) -> list[tuple[int, int]]:
    """Return the first segment, and the one after the last, of each run that may be a digit."""
    is_cut = [one.piece == other.piece for one, other in itertools.pairwise(segments)]
    is_cut = [False, *is_cut, False]
    return [
        (start, end)
        for start in range(len(segments))
        for end in range(start + 1, min(len(segments), start + MAX_RUN) + 1)
        # So that every line can be read in some way, a segment alone is always one.
        if end == start + 1
        or _may_be_digit(segments[start:end], is_cut[start] or is_cut[end], height)
    ]


def _may_be_digit(run: Sequence[Segment], ends_at_cut: bool, height: float) -> bool:
    if ends_at_cut:
        rows = max(each.bottom for each in run) - min(each.top for each in run)
        if rows < _MIN_CUT_HEIGHT * height:
            return False
    width = max(each.right for each in run) - min(each.left for each in run)
    if width > (_MAX_CUT_WIDTH if ends_at_cut else _MAX_WIDTH) * height:
        return False
    pieces: dict[int, tuple[float, float, float, float]] = {}
    for each in run:
        left, top, right, bottom = pieces.get(each.piece, (math.inf, math.inf, 0, 0))
        pieces[each.piece] = (
            min(left, each.left),
            min(top, each.top),
            max(right, each.right),
            max(bottom, each.bottom),
        )
    if len(pieces) == 1:
        return True
    boxes = sorted(pieces.values())
    right = boxes[0][2]
    for left, _, end, _ in boxes[1:]:
        if left - right > _MAX_GAP * height:
            return False
        right = max(right, end)
    tall = sum(bottom - top >= _DIGIT_HEIGHT * height for _, top, _, bottom in boxes)
    return tall < 2 or width <= _MAX_JOINED_WIDTH * height
