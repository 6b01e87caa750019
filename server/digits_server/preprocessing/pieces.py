"""Finding the pieces of an image that may be a digit, among specks, lines and frames.

Masks here are uint8, 1 at ink and 0 elsewhere.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .components import FRAME, MAIN, SPECK_COUNT, mask_of
from .ground import Contrast, histogram, quantile
from .ink import LEAST_INK, MIN_EVEN_CONTRAST, InkMask
from .lines import Outlines, inside_frame, without_underline
from .reason import Reason

# The smallest piece, as a share of the image's longer side and in pixels.
MIN_EXTENT_SHARE: Final = 0.012
MIN_EXTENT_PIXELS: Final = 3

# The smallest digits of screens are so many pixels high.
_SMALLEST_DIGIT: Final = 5

# In levels, what a screen shows of ink too faint to read; and what stands out of grain.
_LEAST_VISIBLE: Final = 2.0
GRAIN_SIGMAS: Final = 6.0

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


def find_pieces(ink: InkMask) -> list[Piece]:
    """Return the pieces of ink that may be a digit, the most likely first."""
    contrast = ink.contrast
    min_extent = max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * max(contrast.shape))
    pieces = [
        Piece(
            selected.part,
            ink.cut_out(selected.mask, selected.left, selected.top, selected.full_ink),
            contrast.left + selected.left,
            contrast.top + selected.top,
        )
        for selected in _select(ink)
        if max(selected.mask.shape) >= min_extent
    ]
    # Nothing is left of what only closed the gaps that ruling left.
    return [piece for piece in pieces if piece.ink.max() > LEAST_INK]


def why_unread(contrast: Contrast, scale: float = 1.0) -> Reason:
    """Return why an even image has no piece: its ink is too faint or too small, or it has none.

    Args:
        contrast: The contrast of the image.
        scale: Number of columns of the image as it came for each one of the contrast.
    """
    highest = float(contrast.pixels.max()) if contrast.pixels.size else 0.0
    if highest < max(_LEAST_VISIBLE, GRAIN_SIGMAS * contrast.grain):
        return Reason.UNSPECIFIED
    mask = (contrast.pixels > highest / 2).view(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    extent = int(boxes[1:, 2:4].max())
    is_large = extent >= max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * max(contrast.shape))
    if highest < MIN_EVEN_CONTRAST:
        is_ink = is_large and count <= SPECK_COUNT
        return Reason.TOO_FAINT if is_ink else Reason.UNSPECIFIED
    # One speck may be a digit, unless it is smaller than any; several are dust.
    is_digit = count == 2 and not is_large and extent * scale >= _SMALLEST_DIGIT
    return Reason.TOO_SMALL if is_digit else Reason.UNSPECIFIED


class _Selected(NamedTuple):
    """The ink of a piece, in the region that has contrast."""

    part: int
    mask: MatLike
    """(h, w) cropped to the ink."""
    left: int
    top: int
    full_ink: float


def _select(ink: InkMask) -> list[_Selected]:
    """Return the pieces that may be a digit."""
    outlines, mask, full_ink = ink.outlines, ink.mask, ink.full_ink
    if not outlines.components:
        return []
    if ink.contrast.is_even and len(outlines.components) == 1:
        left, top, width, height = cv2.boundingRect(outlines.components[0])
        piece = np.ascontiguousarray(mask[top : top + height, left : left + width])
        return _with_and_without_lines(piece, outlines, left, top, full_ink)
    labels, boxes, components = ink.labeled
    pieces: list[_Selected] = []
    for part, belongs in components.groups():
        left, top = boxes[belongs, :2].min(axis=0).tolist()
        right, bottom = (boxes[:, :2] + boxes[:, 2:])[belongs].max(axis=0).tolist()
        area = np.s_[top:bottom, left:right]
        piece = mask_of(belongs, labels[area])
        # A piece may be fainter than another.
        counts = histogram(np.ascontiguousarray(ink.smooth[area]), piece)
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
