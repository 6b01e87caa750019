"""Removing the lines of ruled or squared paper."""

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# Smaller images have no room for ruling.
_MIN_SIDE: Final = 64
# The widest line, as a share of the image's longer side.
MAX_RULE_SHARE: Final = 0.025
# The share of the image's width or height that a line spans.
RULE_SPAN: Final = 0.95
# Cells are at least so many times as high as lines are wide.
_MIN_CELL: Final = 3
# The thickest line between two cells, and the least that is left of it, as shares of their height.
_MAX_DIVIDER_SHARE: Final = 0.1
_DIVIDER_SPAN: Final = 0.85
# A frame fills so much of the rectangle around it if it is filled, and encloses so much of its box.
# From its outline inwards it is as thick as so much of it is ink.
_FRAME_FILL: Final = 0.86
_MIN_HOLE: Final = 0.2
_FRAME_COVERAGE: Final = 0.6
# The ink in it is at least so large, as a share of the frame's shorter side.
_MIN_INSIDE: Final = 0.25
# The thickest underline, and its straight parts, as shares of its length.
_MAX_LINE_SHARE: Final = 0.2
_LINE_SPAN: Final = 0.35
# It is longer than the rest by so much of its length on both sides.
_LINE_MARGIN: Final = 0.04
# What remains without it has so much of its largest part's area, or is left out.
_LARGEST_SHARE: Final = 0.2
# So much of the ink's width is in one row of it, if it has a line.
_LINE_ROW: Final = 0.5


def find_ruling(mask: MatLike, shape: tuple[int, ...]) -> MatLike | None:
    """Return the ink in the lines of ruled or squared paper: thin lines from edge to edge.

    A single line may be a stroke, and is none.

    Args:
        mask: A region of the image, or all of it.
        shape: (H, W) of the image.
    """
    if max(shape) < _MIN_SIDE:
        return None
    thickness = _rule_thickness(shape)
    ruling = _find_lines(mask, shape, thickness, RULE_SPAN, 2)
    if ruling is not None:
        _add_dividers(ruling, mask, shape, thickness)
    return ruling


def _add_dividers(ruling: MatLike, mask: MatLike, shape: tuple[int, ...], thickness: int) -> None:
    """Add the upright lines of a row of cells: two or more, each from one line to the next."""
    is_line = (
        cv2.reduce(ruling, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() >= RULE_SPAN * shape[1]
    )
    bounds = np.flatnonzero(np.diff(is_line.view(np.int8)))
    for top, bottom in zip(bounds[:-1] + 1, bounds[1:] + 1, strict=True):
        height = bottom - top
        if is_line[top] or height < _MIN_CELL * thickness:
            continue
        columns, count = _rules(mask[top:bottom], 0, RULE_SPAN * height, thickness)
        if count >= 2:
            columns = _with_neighbors(columns)
            ruling[top:bottom, columns] = mask[top:bottom, columns]


def remove_ruling(mask: MatLike, shape: tuple[int, ...]) -> MatLike:
    """Remove what ``find_ruling`` finds, and close strokes that cross it."""
    ruling = find_ruling(mask, shape)
    return mask if ruling is None else _remove_lines(mask, ruling, _rule_thickness(shape))


def remove_dividers(mask: MatLike) -> MatLike:
    """Remove the lines between the cells of a frame, which is removed already.

    Args:
        mask: (h, w) what the frame encloses.
    """
    thickness = max(2, round(_MAX_DIVIDER_SHARE * min(mask.shape)))
    lines = _find_lines(mask, mask.shape, thickness, _DIVIDER_SPAN, 1)
    return mask if lines is None else _remove_lines(mask, lines, thickness)


def _rule_thickness(shape: tuple[int, ...]) -> int:
    return max(2, round(MAX_RULE_SHARE * max(shape)))


def _find_lines(
    mask: MatLike, shape: tuple[int, ...], thickness: int, span: float, least: int
) -> MatLike | None:
    """Return the ink in lines from edge to edge, if there are so many."""
    rows, row_count = _rules(mask, 1, span * shape[1], thickness)
    columns, column_count = _rules(mask, 0, span * shape[0], thickness)
    if row_count + column_count < least:
        return None
    # In the corners of crossings, blurred lines are as dark as in the middle of one.
    corners = _with_neighbors(rows)[:, None] & _with_neighbors(columns)
    return np.asarray(mask * (rows[:, None] | columns | corners), np.uint8)


def _with_neighbors(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    result = flags.copy()
    result[1:] |= flags[:-1]
    result[:-1] |= flags[1:]
    return result


def _remove_lines(mask: MatLike, lines: MatLike, thickness: int) -> MatLike:
    rest = cv2.subtract(mask, lines)
    bridge = np.ones((thickness + 2, thickness + 2), np.uint8)
    crossings = cv2.bitwise_and(cv2.morphologyEx(rest, cv2.MORPH_CLOSE, bridge), lines)
    return cv2.bitwise_or(rest, crossings)


def _rules(
    mask: MatLike, axis: int, min_length: float, max_thickness: int
) -> tuple[NDArray[np.bool_], int]:
    """Return which rows, or with axis 0 columns, are of thin lines, and the number of lines."""
    if mask.shape[axis] < min_length:
        return np.zeros(mask.shape[1 - axis], bool), 0
    is_rule = cv2.reduce(mask, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() >= min_length
    if not is_rule.any():
        return is_rule, 0
    bounds = np.flatnonzero(np.diff(is_rule, prepend=False, append=False)).reshape(-1, 2)
    for start, end in bounds:
        if end - start > max_thickness:
            is_rule[start:end] = False
    return is_rule, int(np.count_nonzero(np.diff(bounds) <= max_thickness))


class Outlines(NamedTuple):
    """The outlines of a mask's components and of the holes in them."""

    components: list[MatLike]
    holes: list[MatLike]

    @classmethod
    def find(cls, mask: MatLike) -> "Outlines":
        """Return the outlines of a mask, in a tenth of the time that labeling takes."""
        outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        parents = hierarchy[0, :, 3].tolist() if outlines else []
        return cls(
            [outline for outline, parent in zip(outlines, parents, strict=True) if parent < 0],
            [outline for outline, parent in zip(outlines, parents, strict=True) if parent >= 0],
        )


def inside_frame(mask: MatLike, outlines: Outlines) -> MatLike | None:
    """Return the ink inside a frame that it touches; None if the ink has no frame around it.

    Args:
        mask: Ink of one piece, cropped to it.
        outlines: The outlines of the mask, anywhere.
    """
    height, width = mask.shape
    # A digit in the frame divides what the frame encloses.
    if not outlines.holes:
        return None
    hull = cv2.convexHull(np.concatenate(outlines.holes))
    rectangle = cv2.minAreaRect(hull)
    area = cv2.contourArea(hull)
    if area < max(_MIN_HOLE * mask.size, _FRAME_FILL * rectangle[1][0] * rectangle[1][1]):
        return None
    left, top, _, _ = cv2.boundingRect(np.concatenate(outlines.components))
    enclosed = np.zeros_like(mask)
    corners = np.rint(cv2.boxPoints(rectangle) - (left, top)).astype(np.int32)
    cv2.fillConvexPoly(enclosed, corners, 1)
    cv2.polylines(enclosed, [corners], True, 0, 3)
    inside = cv2.bitwise_and(mask, enclosed)
    if max(cv2.boundingRect(inside)[2:]) < _MIN_INSIDE * min(width, height):
        return None
    return np.asarray(inside, np.uint8)


def without_underline(mask: MatLike) -> MatLike | None:
    """Return the ink without a line below it that it touches; None if there is none.

    The line is longer than the rest on both sides.

    Args:
        mask: Ink of one piece, cropped to it.
    """
    height, width = mask.shape
    margin, max_height = math.ceil(_LINE_MARGIN * width), _MAX_LINE_SHARE * width
    for end in (mask[:, :margin], mask[:, width - margin :]):
        _, end_top, _, end_height = cv2.boundingRect(end)
        if end_top < height // 2 or end_height > max_height:
            return None
    inked = cv2.reduce(mask[height // 2 :], 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    if inked.max() < _LINE_ROW * width:
        return None
    length = max(5, round(_LINE_SPAN * width))
    rows = height // 2 + np.flatnonzero(inked >= length)
    if not rows.size:
        return None
    area = slice(max(height // 2, rows[0] - 1), rows[-1] + 2)  # with room for a wider line
    low = mask[area]
    line = cv2.morphologyEx(low, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    _, _, line_width, line_height = cv2.boundingRect(line)
    if line_width < 0.9 * width or line_height > max_height:
        return None
    rest = mask.copy()
    wide_line = cv2.dilate(line, np.ones((3, 1), np.uint8))
    rest[area] = cv2.subtract(low, wide_line)
    # Strokes that cross the line are closed, which needs no more than is as near as they are high.
    bridge = np.ones((line_height + 4, 3), np.uint8)
    near = slice(max(0, area.start - len(bridge)), area.stop + len(bridge))
    closed = cv2.morphologyEx(rest[near], cv2.MORPH_CLOSE, bridge)
    rest[near] = cv2.bitwise_or(rest[near], cv2.bitwise_and(closed, mask[near]))
    outlines = _outlines_of_largest(rest)
    if not outlines:
        return None
    rest_left, _, rest_width, rest_height = cv2.boundingRect(np.concatenate(outlines))
    if rest_height < 0.4 * height or rest_left < margin or rest_left + rest_width > width - margin:
        return None
    filled = np.zeros_like(rest)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    return cv2.multiply(rest, filled)


def _outlines_of_largest(mask: MatLike) -> list[MatLike]:
    """Return the outlines of the largest component, and of those that are not far smaller."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    least = _LARGEST_SHARE * max(areas, default=0)
    return [outline for outline, area in zip(outlines, areas, strict=True) if area >= least]
