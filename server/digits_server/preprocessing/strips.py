"""The lines of digits in an image: a strip of each, for each view of the ink.

Views are to a number what readings are to a digit: the line network is asked about the strips of
all of them, and the most convincing view stands (models/numbers.py).
"""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .components import Components, Flags, mask_of
from .ink import LEAST_INK, InkMask
from .layout import MAX_NUMBER_DIGITS, MAX_PAGE_LINES, Layout
from .lines import Outlines, inside_frame, remove_dividers, without_underline

# Ink that is narrower, as a share of its height, is taken for one digit at most. With the layout of
# one digit, which has to be fast, only the network tells narrower pairs that touch.
_MIN_WIDTH: Final = {Layout.DIGIT: 1.1, Layout.NUMBER: 0.75, Layout.PAGE: 0.75}
# Shares of the height of a line's digits. Taller ink is a line. What is less tall is a part of a
# digit, or a dash, if it is near a digit and not a speck.
_MAX_HEIGHT: Final = 1.8
# A line between two cells is thinner than so much of its height, and higher than a digit.
_DIVIDER_WIDTH: Final = 0.16
_DIVIDER_HEIGHT: Final = 1.2
_TALL_SHARE: Final = 0.4
_NEAR_SHARE: Final = 0.25
_SPECK_SHARE: Final = 0.12
# Pieces of a line are at most so far apart, as a share of its height, and so much of the lower
# one's height is next to the other. Groups of them are one line if so much of their rows is common.
_MAX_GAP: Final = 3.0
_MIN_OVERLAP: Final = 0.4
_MIN_COMMON_ROWS: Final = 0.5

# What is at least so large, as a share of the largest piece's box, may be a frame.
_FRAME_SHARE: Final = 0.25

# What a line of the longest number has, and more.
_MAX_PIECES: Final = 2 * MAX_NUMBER_DIGITS
# So many pieces show whether an image holds one digit or several.
_FEW_PIECES: Final = 8
STRIP_HEIGHT: Final = 28
"""Rows of a strip."""
_STRIP_MARGIN: Final = 2
# A strip with so many columns, and ink that is apart, shows several characters.
_SEVERAL_COLUMNS: Final = 88
# A gap between two pieces is at most so many columns of a strip, however wide it is in the image.
_STRIP_GAP: Final = 16
MAX_COLUMNS: Final = 2**14
"""Most columns of strips in a view of an image."""


class Line(NamedTuple):
    """A line of digits."""

    strip: NDArray[np.float32]
    """(STRIP_HEIGHT, W) its ink in 0..1, scaled to the height of a strip."""
    columns: NDArray[np.float64]
    """(W,) the column of the image in the middle of each of the strip's: wide gaps are left out."""
    top: float
    """The row of the image at the upper edge of the strip."""
    scale: float
    """Pixels of the image for each pixel of the strip."""
    image_size: tuple[int, int]
    """Width and height of the image."""
    view: int = 0
    """Number of the way to see the image's ink."""
    image: int = 0
    """Number of the image."""

    def place(self, rows: slice, columns: slice) -> tuple[int, int, int, int]:
        """Return left, top, width and height of a part of the strip, in pixels of the image."""
        half = self.scale / 2
        left = float(self.columns[columns.start]) - half
        right = float(self.columns[columns.stop - 1]) + half
        top, bottom = self.top + self.scale * rows.start, self.top + self.scale * rows.stop
        low = max(0, math.floor(left)), max(0, math.floor(top))
        high = (
            min(end, math.ceil(at))
            for end, at in zip(self.image_size, (right, bottom), strict=True)
        )
        width, height = (max(1, end - start) for start, end in zip(low, high, strict=True))
        return *low, width, height


class CrowdedError(Exception):
    """There is more ink than the largest page has."""


def are_several(line: Line) -> bool:
    """Return whether a line is too wide for one character, and its ink is apart."""
    inked = line.strip.max(axis=0) > 0
    return len(inked) >= _SEVERAL_COLUMNS and bool((inked[1:] & ~inked[:-1]).sum() > 1)


def find_views(ink: InkMask, layout: Layout) -> Iterator[list[Line]]:
    """Yield the lines of digits, from the top, for each way to tell the digits from other ink.

    Ink that is one digit at most has none.

    Args:
        ink: The ink of an image.
        layout: What the image is said to hold.

    Raises:
        CrowdedError: There are too many pieces or lines.
    """
    outlines = ink.outlines.components
    if not outlines:
        return
    _, _, width, height = cv2.boundingRect(outlines[0])
    if len(outlines) == 1 and _is_narrow(width, height, layout):
        return
    yield from _read(ink, ink.labeled, layout)
    for mask in (_inside_frames(ink), without_underline(ink.mask)):
        if mask is not None and cv2.countNonZero(mask):
            yield from _read(ink, ink.label(mask), layout)


def _is_narrow(width: int, height: int, layout: Layout) -> bool:
    return width < _MIN_WIDTH[layout] * height


def _is_one_digit(components: Components, group: list[int], layout: Layout) -> bool:
    """Return whether components are one digit at most: narrow, and without a gap between them."""
    left, right = components.left[group], components.right[group]
    if (left[1:] > np.maximum.accumulate(right)[:-1]).any():
        return False
    height = components.bottom[group].max() - components.top[group].min()
    return _is_narrow(int(right.max() - left.min()), int(height), layout)


def _inside_frames(ink: InkMask) -> MatLike | None:
    """Return the ink without each frame that it touches; None if there is none."""
    holes = ink.outlines.holes
    if not holes:
        return None
    labels, boxes, _ = ink.labeled
    rest = None
    x, y = np.array([hole[0, 0] for hole in holes]).T
    sizes = boxes[:, 2] * boxes[:, 3]
    for index in np.flatnonzero(sizes >= _FRAME_SHARE * sizes.max()).tolist():
        left, top, width, height = boxes[index].tolist()
        if not ((x > left) & (x < left + width) & (y > top) & (y < top + height)).any():
            continue
        area = np.s_[top : top + height, left : left + width]
        piece = (labels[area] == index + 1).view(np.uint8)
        outlines = Outlines.find(piece)
        inside = inside_frame(piece, outlines)
        if inside is None:
            continue
        start, _, columns, _ = cv2.boundingRect(np.concatenate(outlines.holes))
        _, first, _, rows = cv2.boundingRect(inside)  # a line between cells ends at the frame
        cells = np.s_[first : first + rows, start : start + columns]
        inside[cells] = remove_dividers(inside[cells])
        rest = ink.mask.copy() if rest is None else rest
        rest[area] -= piece - inside
    return rest


def _read(
    ink: InkMask, labeled: tuple[MatLike, MatLike, Components], layout: Layout
) -> Iterator[list[Line]]:
    labels, boxes, components = labeled
    groups = _group(components)
    if layout == Layout.DIGIT:
        # One line, and of that only the first pieces, tells whether there are several digits.
        groups = [max(groups, key=len)[:_FEW_PIECES]] if groups else []
    elif len(groups) > MAX_PAGE_LINES or max(map(len, groups), default=0) > _MAX_PIECES:
        raise CrowdedError
    if len(groups) == 1 and _is_one_digit(components, groups[0], layout):
        return
    lines: list[Line] = []
    for group in groups:
        line = _read_line(ink, labels, boxes, group)
        if line is not None:
            lines.append(line)
        if sum(len(line.columns) for line in lines) > MAX_COLUMNS:
            raise CrowdedError
    if lines:
        yield lines


def _read_line(ink: InkMask, labels: MatLike, boxes: MatLike, group: list[int]) -> Line | None:
    left, top = boxes[group, :2].min(axis=0).tolist()
    right, bottom = (boxes[group, :2] + boxes[group, 2:]).max(axis=0).tolist()
    is_own = np.zeros(len(boxes), bool)
    is_own[group] = True
    mask = mask_of(is_own, labels[top:bottom, left:right])
    cut_out = ink.cut_out(mask, left, top, ink.full_ink)
    if float(cut_out.max()) <= LEAST_INK:
        return None  # what closed the gaps that ruling left
    rows = STRIP_HEIGHT - 2 * _STRIP_MARGIN
    scale = (bottom - top) / rows
    wide = max(1, round((right - left) / scale))
    if wide > MAX_COLUMNS:
        raise CrowdedError
    size = wide, rows
    method = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
    # Rounding may leave a little more than full ink.
    resized = np.minimum(cv2.resize(cut_out, size, interpolation=method), np.float32(1))
    kept = _without_wide_gaps(resized)
    margin = np.arange(1, _STRIP_GAP // 2 + 1)
    strip = np.pad(resized[:, kept], ((_STRIP_MARGIN, _STRIP_MARGIN), (len(margin), len(margin))))
    x = np.concatenate((kept[0] - margin[::-1], kept, kept[-1] + margin))
    columns = ink.contrast.left + left + (x + 0.5) * ((right - left) / wide)
    height, width = ink.contrast.shape
    first_row = ink.contrast.top + top - _STRIP_MARGIN * scale
    return Line(strip, columns, first_row, scale, (width, height))


def _without_wide_gaps(ink: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the columns that are at most half of the widest gap away from ink."""
    columns = np.arange(ink.shape[1])
    inked = columns[ink.max(axis=0) > 0]
    if (np.diff(inked) <= _STRIP_GAP).all():
        return columns
    after = inked[np.minimum(np.searchsorted(inked, columns), len(inked) - 1)]
    before = inked[np.maximum(np.searchsorted(inked, columns, "right") - 1, 0)]
    near = np.minimum(np.abs(after - columns), np.abs(columns - before))
    return np.flatnonzero(near <= _STRIP_GAP // 2)


def _group(components: Components) -> list[list[int]]:
    """Return the components of each line, from left to right; lines from the top."""
    is_tall, is_part = _find_digits(components)
    tall = np.flatnonzero(is_tall)
    if not len(tall):
        return []
    if len(tall) > _MAX_PIECES * MAX_PAGE_LINES:
        raise CrowdedError
    numbers = _number_lines(components, tall)
    line_of = np.full(len(is_tall), -1)
    line_of[tall] = numbers
    for index in np.flatnonzero(is_part).tolist():
        line_of[index] = numbers[np.argmin(components.gap_to(index)[tall])]
    groups = [np.flatnonzero(line_of == number) for number in range(numbers.max() + 1)]
    groups.sort(key=lambda group: float((components.top + components.bottom)[group].mean()))
    return [group[np.argsort(components.left[group])].tolist() for group in groups]


def _number_lines(components: Components, tall: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of the line of each tall component."""
    left, right = components.left[tall], components.right[tall]
    top, bottom = components.top[tall], components.bottom[tall]
    if bottom.min() - top.max() >= _MIN_COMMON_ROWS * (bottom - top).min():
        return np.zeros(len(tall), np.intp)  # as most are
    gaps = np.maximum.outer(left, left) - np.minimum.outer(right, right)
    is_near = gaps <= _MAX_GAP * float(np.median(bottom - top))
    numbers = _number_groups(is_near & (_common_rows(top, bottom) >= _MIN_OVERLAP))
    # A wide gap divides a line into groups that are side by side.
    count = int(numbers.max()) + 1
    low, high = np.full((2, count), np.inf), np.full((2, count), -np.inf)
    for ends, values in ((low, (left, top)), (high, (right, bottom))):
        join = np.minimum if ends is low else np.maximum
        for row, each in zip(ends, values, strict=True):
            join.at(row, numbers, each)
    is_apart = np.maximum.outer(low[0], low[0]) >= np.minimum.outer(high[0], high[0])
    is_line = is_apart & (_common_rows(low[1], high[1]) >= _MIN_COMMON_ROWS)
    return _number_groups(is_line | np.eye(count, dtype=bool))[numbers]


def _common_rows(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many rows each two of N boxes share, as a share of the lower one's: (N, N)."""
    height = bottom - top
    rows = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    return np.asarray(rows / np.minimum.outer(height, height))


def _number_groups(is_linked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the number of each one's group, from 0, given which of N are linked: (N, N)."""
    numbers = np.arange(len(is_linked))
    while True:  # the lowest number spreads from one to the next
        lowest = np.where(is_linked, numbers, len(numbers)).min(axis=1)
        if (lowest == numbers).all():
            first = np.flatnonzero(numbers == np.arange(len(numbers)))
            return np.asarray(first.searchsorted(numbers), np.intp)
        numbers = lowest


def _find_digits(components: Components) -> tuple[Flags, Flags]:
    """Return which components are as tall as a digit, and which may be parts of one."""
    is_ink = ~(components.is_line | components.is_frame)
    if not is_ink.any():
        return is_ink, is_ink
    # Half of the ink is in components that are at least so high.
    order = np.argsort(components.height)
    ink = np.where(is_ink, components.ink, 0)[order].cumsum()
    height = float(components.height[order][np.searchsorted(ink, ink[-1] / 2)])
    is_divider = components.width <= _DIVIDER_WIDTH * components.height
    is_divider &= components.height >= _DIVIDER_HEIGHT * height
    is_ink &= (components.height <= _MAX_HEIGHT * height) & ~is_divider
    is_tall = is_ink & (components.height >= _TALL_SHARE * height)
    is_near = np.zeros(len(is_ink), bool)
    for index in np.flatnonzero(is_tall).tolist():
        is_near |= components.gap_to(index) <= _NEAR_SHARE * height
    is_large = components.extent >= _SPECK_SHARE * height
    return np.asarray(is_tall), np.asarray(is_ink & is_near & is_large & ~is_tall)
