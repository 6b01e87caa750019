"""The candidates of a number: all runs of segments that may be a digit, for each way to see the ink.

A lattice is to a number what readings are to a digit: the network is asked about all candidates in
one call, and the path through them that is most convincing stands (models/number_paths.py).
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .components import Components, Flags
from .frames import to_frame
from .ground import Contrast, TwoLevels, even_contrast, local_contrasts
from .lines import Outlines, inside_frame, remove_dividers, without_underline
from .pieces import LEAST_INK, InkMask, find_ink, ink_of_level
from .resize import shrink_to
from .segments import Segment, find_runs, find_segments, line_height
from .sheets import find_sheets

SEARCH_HEIGHT: Final = 96
MAX_PIECES: Final = 64
"""Most pieces of ink in a line."""

# Shares of the height of a line's digits. Taller ink is a line. What is less tall is a part of a digit,
# or a dash, if it is near a digit and not a speck.
_MAX_HEIGHT: Final = 1.8
_TALL_SHARE: Final = 0.4
_NEAR_SHARE: Final = 0.25
_SPECK_SHARE: Final = 0.12
_SQUARE: Final = np.ones((3, 3), np.uint8)


class Line(NamedTuple):
    """The C candidates of one line of digits."""

    frames: NDArray[np.float32]
    """(C, 28, 28) in 0..1."""
    runs: NDArray[np.intp]
    """(C, 2) the first segment, and the one after the last; in the order of both."""
    boxes: NDArray[np.intp]
    """(C, 4) left, top, width and height in pixels of the image."""
    heights: NDArray[np.float64]
    """(C,) height of each as a share of the line's."""
    cuts: NDArray[np.bool_]
    """(S + 1,) whether there is a cut through ink before each segment, and after the last."""


def find_lines(gray: NDArray[np.uint8]) -> list[Line]:
    """Return the lines of digits of an image, for each way to tell ink from ground."""
    contrast = even_contrast(gray)
    if contrast is not None:
        lines = _read(contrast)
        if not contrast.has_large_areas():
            return lines
    else:
        lines = []
    two_levels = TwoLevels.measure(gray)
    for each in local_contrasts(gray, two_levels):
        lines += _read(each)
    if two_levels:
        for sheet in find_sheets(gray, two_levels):
            on_sheet = even_contrast(sheet)
            for each in [on_sheet] if on_sheet else local_contrasts(sheet, TwoLevels.measure(sheet)):
                lines += _read(each)
    return lines


def _read(contrast: Contrast) -> list[Line]:
    ink = find_ink(contrast)
    if ink is None:
        return []
    lines = []
    masks = [ink.mask]
    rest = _inside_frames(ink.mask)
    if rest is not None:
        masks.append(rest)
    rest = without_underline(ink.mask)
    if rest is not None:
        masks.append(rest)
    for mask in masks:
        line = _read_mask(mask, ink, contrast)
        if line is not None:
            lines.append(line)
    return lines


def _inside_frames(mask: MatLike) -> MatLike | None:
    """Return the ink with each frame's removed that it touches."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    area = np.ascontiguousarray(mask[top : top + height, left : left + width])
    rest = inside_frame(area, Outlines.find(area))
    if rest is None:
        return None
    left_inside, top_inside, width_inside, height_inside = cv2.boundingRect(rest)
    inside = np.s_[top_inside : top_inside + height_inside, left_inside : left_inside + width_inside]
    rest[inside] = remove_dividers(rest[inside])
    whole = np.zeros_like(mask)
    whole[top : top + height, left : left + width] = rest
    return whole


def _read_mask(mask: MatLike, ink: InkMask, contrast: Contrast) -> Line | None:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    inked = np.flatnonzero(mask)
    total = np.bincount(labels.ravel()[inked], ink.smooth.ravel()[inked], count)[1:].astype(float)
    components = Components.measure(labels, stats[1:], total, contrast)
    is_kept = _find_digits(components)
    if not 0 < np.count_nonzero(is_kept) <= MAX_PIECES:
        return None
    numbers = (1 + np.flatnonzero(is_kept)).tolist()
    boxes = np.asarray(stats[:, :4], np.intp)
    height = line_height(boxes[numbers, 3].astype(np.float64))
    segments = [
        each for each in find_segments(labels, boxes, numbers) if _has_ink(each, ink, contrast)
    ]
    if not segments:
        return None
    runs = find_runs(segments, height)
    frames, places = [], []
    for start, end in runs:
        frame, place = _cut_out(segments[start:end], ink, contrast)
        frames.append(frame)
        places.append(place)
    cuts = np.ones(len(segments) + 1, bool)
    cuts[0] = cuts[-1] = False
    cuts[1:-1] = [a.piece == b.piece for a, b in zip(segments[:-1], segments[1:], strict=True)]
    boxes = np.array(places, np.intp)
    return Line(np.array(frames), np.array(runs, np.intp), boxes, boxes[:, 3] / height, cuts)


def _find_digits(components: Components) -> Flags:
    """Return which components may be digits or parts of them."""
    is_ink = ~(components.is_line | components.is_frame)
    if not is_ink.any():
        return is_ink
    # Half of the ink is in components that are at least so high.
    order = np.argsort(components.height)
    ink = np.where(is_ink, components.ink, 0)[order].cumsum()
    height = float(components.height[order][np.searchsorted(ink, ink[-1] / 2)])
    is_ink &= components.height <= _MAX_HEIGHT * height
    is_tall = is_ink & (components.height >= _TALL_SHARE * height)
    is_near = np.zeros(len(is_ink), bool)
    for index in np.flatnonzero(is_tall):
        is_near |= components.gap_to(index) <= _NEAR_SHARE * height
    return np.asarray(is_tall | (is_ink & is_near & (components.extent >= _SPECK_SHARE * height)))


def _has_ink(segment: Segment, ink: InkMask, contrast: Contrast) -> bool:
    """Return whether a segment is more than what closed the gaps that ruling left."""
    pixels = contrast.pixels[segment.top : segment.bottom, segment.left : segment.right]
    highest = int((pixels * segment.mask).max())
    return bool(ink_of_level(ink.full_ink)[highest] > LEAST_INK)


def _cut_out(
    run: list[Segment], ink: InkMask, contrast: Contrast
) -> tuple[NDArray[np.float32], tuple[int, int, int, int]]:
    left, top = min(each.left for each in run), min(each.top for each in run)
    width = max(each.right for each in run) - left
    height = max(each.bottom for each in run) - top
    mask = np.zeros((height, width), np.uint8)
    for each in run:
        y, x = each.top - top, each.left - left
        area = mask[y : y + each.mask.shape[0], x : x + each.mask.shape[1]]
        np.maximum(area, each.mask, out=area)
    pixels = contrast.pixels[top : top + height, left : left + width]
    values = cv2.LUT(pixels * cv2.dilate(mask, _SQUARE), ink_of_level(ink.full_ink))
    place = contrast.left + left, contrast.top + top, width, height
    return to_frame(np.asarray(values, np.float32)), place
