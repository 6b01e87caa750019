"""Finding the pieces of an image that may be a digit, among specks, lines and frames.

Masks here are uint8, 1 at ink and 0 elsewhere.
"""

import functools
import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .components import FRAME, MAIN, SPECK_COUNT, Components
from .ground import MIN_BLUR_SIDE, Contrast, histogram, quantile, top_and_median
from .lines import Outlines, inside_frame, remove_ruling, without_underline
from .reason import Reason

# Ink starts at this share of the full contrast: faint ruling is below it, soft edges above.
INK_SHARE: Final = 0.32
# The least contrast of ink, in levels, on an even ground and elsewhere, without grain.
_MIN_EVEN_CONTRAST: Final = 4.0
_MIN_LOCAL_CONTRAST: Final = 10.0
# The smallest piece, as a share of the image's longer side and in pixels.
MIN_EXTENT_SHARE: Final = 0.012
MIN_EXTENT_PIXELS: Final = 3
LEAST_INK: Final = 0.3
"""The least ink at the darkest pixel of a piece."""

# In levels, what a screen shows of ink too faint to read; and what stands out of grain.
_LEAST_VISIBLE: Final = 2.0
GRAIN_SIGMAS: Final = 6.0

_LEVELS: Final = np.arange(256, dtype=np.float32)
_SQUARE: Final = np.ones((3, 3), np.uint8)

INSIDE, UNLINED = FRAME + 1, FRAME + 2
PARTS: Final = ("", ", the core", ", the frame", ", inside a frame", ", without a line")
"""Which part of the ink a piece is: the main piece, what is surely ink of it, and so on."""

MAX_PIECES: Final = len(PARTS)
"""Most pieces of ``find_pieces``: one of each part."""


class Piece(NamedTuple):
    """Ink that may be a digit."""

    part: int
    """Index into ``PARTS``."""

    ink: NDArray[np.float32]
    """(h, w) from 0 for no ink to 1 for full ink, cropped to the ink."""
    left: int
    """First column in the image."""
    top: int
    """First row in the image."""

    @property
    def extent(self) -> int:
        """The longer side, in pixels of the image."""
        return int(max(self.ink.shape))


class InkMask(NamedTuple):
    """Where the ink of an image is, without the lines of ruled paper."""

    smooth: MatLike
    """(h, w) uint8: the contrast without its grain."""
    mask: MatLike
    """(h, w)"""
    full_ink: float
    """The contrast of full ink."""


def find_ink(contrast: Contrast) -> InkMask | None:
    """Return where there is ink; None if there is none."""
    pixels, longer_side = contrast.pixels, max(contrast.shape)
    # Where strokes are wider than a pixel, blurring averages the grain away.
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0) if longer_side > MIN_BLUR_SIDE else pixels
    levels = _ink_levels(smooth, contrast)
    if levels is None:
        return None
    full_ink, threshold = levels
    mask = remove_ruling((smooth > np.uint8(threshold)).view(np.uint8), contrast.shape)
    return InkMask(smooth, mask, full_ink)


def find_pieces(contrast: Contrast) -> list[Piece]:
    """Return the pieces of ink that may be a digit, the most likely first.

    Args:
        contrast: Contrast of the image.
    """
    found = find_ink(contrast)
    if found is None:
        return []
    smooth, mask, full_ink = found
    longer_side = max(contrast.shape)
    min_extent = max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * longer_side)
    pieces = [
        _cut_out(selected, contrast)
        for selected in _select(smooth, mask, contrast, full_ink)
        if max(selected.mask.shape) >= min_extent
    ]
    # Nothing is left of what only closed the gaps that ruling left.
    return [piece for piece in pieces if piece.ink.max() > LEAST_INK]


def why_unread(contrast: Contrast) -> Reason:
    """Return why an even image has no piece: its ink is too faint or too small, or it has none."""
    highest = float(contrast.pixels.max()) if contrast.pixels.size else 0.0
    if highest < max(_LEAST_VISIBLE, GRAIN_SIGMAS * contrast.grain):
        return Reason.UNSPECIFIED
    mask = (contrast.pixels > highest / 2).view(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    extent = int(boxes[1:, 2:4].max())
    is_large = extent >= max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * max(contrast.shape))
    if highest < _MIN_EVEN_CONTRAST:
        is_ink = is_large and count <= SPECK_COUNT
        return Reason.TOO_FAINT if is_ink else Reason.UNSPECIFIED
    # One speck may be a digit; several are dust.
    return Reason.TOO_SMALL if count == 2 and not is_large else Reason.UNSPECIFIED


def _ink_levels(smooth: MatLike, contrast: Contrast) -> tuple[float, float] | None:
    """Return the contrast of full ink and the contrast where ink starts, or None without ink."""
    pixel_count, longer_side = math.prod(contrast.shape), max(contrast.shape)
    # The very darkest pixels may be a speck. A digit has at least this many dark pixels.
    dark_count = min(pixel_count, max(4, longer_side // 16))
    full_ink, paper = top_and_median(smooth, pixel_count, dark_count)
    min_contrast = _MIN_EVEN_CONTRAST if contrast.is_even else _MIN_LOCAL_CONTRAST
    least = max(min_contrast, paper + 2 * contrast.grain)
    if full_ink < least:
        return None
    return float(full_ink), max(INK_SHARE * full_ink, least)


class _Selected(NamedTuple):
    """The ink of a piece, in the region that has contrast."""

    part: int
    mask: MatLike
    """(h, w) cropped to the ink."""
    left: int
    top: int
    full_ink: float


def _cut_out(selected: _Selected, contrast: Contrast) -> Piece:
    left, top = selected.left, selected.top
    height, width = selected.mask.shape
    pixels = contrast.pixels[top : top + height, left : left + width]
    # The soft edge of a stroke lies outside the mask. Below a tenth of full ink is paper.
    with_edges = cv2.dilate(selected.mask, _SQUARE)
    ink = cv2.LUT(pixels * with_edges, ink_of_level(selected.full_ink))
    place = contrast.left + left, contrast.top + top
    return Piece(selected.part, np.asarray(ink, np.float32), *place)


@functools.cache  # full ink has at most 256 values
def ink_of_level(full_ink: float) -> NDArray[np.float32]:
    """Return the ink, (256,) from 0 to 1, at pixels of each contrast."""
    ink = _LEVELS * np.float32(1.25 / full_ink) - np.float32(0.125)
    return np.asarray(np.clip(ink, 0, 1), np.float32)


def _select(smooth: MatLike, mask: MatLike, contrast: Contrast, full_ink: float) -> list[_Selected]:
    """Return the pieces that may be a digit."""
    outlines = Outlines.find(mask)
    if not outlines.components:
        return []
    if contrast.is_even and len(outlines.components) == 1:
        left, top, width, height = cv2.boundingRect(outlines.components[0])
        piece = np.ascontiguousarray(mask[top : top + height, left : left + width])
        return _with_and_without_lines(piece, outlines, left, top, full_ink)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    inked = np.flatnonzero(mask)
    ink = np.bincount(labels.ravel()[inked], smooth.ravel()[inked], count)[1:].astype(np.float64)
    components = Components.measure(labels, boxes[1:], ink, contrast)
    pieces: list[_Selected] = []
    for part, belongs in components.groups():
        left, top = boxes[1:][belongs, :2].min(axis=0).tolist()
        right, bottom = (boxes[1:, :2] + boxes[1:, 2:4])[belongs].max(axis=0).tolist()
        area = np.s_[top:bottom, left:right]
        piece = np.concatenate(([False], belongs)).view(np.uint8)[labels[area]]
        # A piece may be fainter than another.
        counts = histogram(np.ascontiguousarray(smooth[area]), piece)
        level = min(full_ink, float(quantile(counts, 0.9)))
        if part == MAIN:
            pieces += _with_and_without_lines(piece, Outlines.find(piece), left, top, level)
        else:
            pieces.append(_Selected(part, piece, left, top, level))
    return pieces


def _with_and_without_lines(
    mask: MatLike, outlines: Outlines, left: int, top: int, full_ink: float
) -> list[_Selected]:
    """Return the main piece, and what remains without a frame or a line that its ink touches."""
    pieces = [_Selected(MAIN, mask, left, top, full_ink)]
    for part, rest in (
        (INSIDE, inside_frame(mask, outlines)),
        (UNLINED, without_underline(mask)),
    ):
        if rest is not None:
            x, y, width, height = cv2.boundingRect(rest)
            cropped = np.ascontiguousarray(rest[y : y + height, x : x + width])
            pieces.append(_Selected(part, cropped, left + x, top + y, full_ink))
    return pieces
