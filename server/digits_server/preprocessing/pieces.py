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
# Grain and texture make many specks of a size. A digit among them has so many times their ink.
_SPECK_COUNT: Final = 8
_SPECK_FACTOR: Final = 6.0
_LEAST_INK: Final = 0.3

# In levels, what a screen shows of ink too faint to read; and what stands out of grain.
_LEAST_VISIBLE: Final = 2.0
GRAIN_SIGMAS: Final = 6.0

_LEVELS: Final = np.arange(256, dtype=np.float32)
_SQUARE: Final = np.ones((3, 3), np.uint8)

Flags = NDArray[np.bool_]


MAIN, CORE, INSIDE, UNLINED, FRAME = range(5)
PARTS: Final = ("", ", the core", ", inside a frame", ", without a line", ", the frame")
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


def find_pieces(contrast: Contrast) -> list[Piece]:
    """Return the pieces of ink that may be a digit, the most likely first.

    Args:
        contrast: Contrast of the image.
    """
    pixels, longer_side = contrast.pixels, max(contrast.shape)
    # Where strokes are wider than a pixel, blurring averages the grain away.
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0) if longer_side > MIN_BLUR_SIDE else pixels
    levels = _ink_levels(smooth, contrast)
    if levels is None:
        return []
    full_ink, threshold = levels
    mask = remove_ruling((smooth > np.uint8(threshold)).view(np.uint8), contrast.shape)
    min_extent = max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * longer_side)
    pieces = [
        _cut_out(selected, contrast)
        for selected in _select(smooth, mask, contrast, full_ink)
        if max(selected.mask.shape) >= min_extent
    ]
    # Nothing is left of what only closed the gaps that ruling left.
    return [piece for piece in pieces if piece.ink.max() > _LEAST_INK]


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
        is_ink = is_large and count <= _SPECK_COUNT
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
    ink = cv2.LUT(pixels * with_edges, _ink_of_level(selected.full_ink))
    place = contrast.left + left, contrast.top + top
    return Piece(selected.part, np.asarray(ink, np.float32), *place)


@functools.cache  # full ink has at most 256 values
def _ink_of_level(full_ink: float) -> NDArray[np.float32]:
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
    components = _Components.measure(labels, boxes[1:], ink, contrast)
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


class _Components(NamedTuple):
    """Measures of N components of a mask; each column is (N,)."""

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    right: NDArray[np.float64]
    bottom: NDArray[np.float64]
    ink: NDArray[np.float64]
    """Total contrast."""
    darkness: NDArray[np.float64]
    """Mean contrast."""
    extent: NDArray[np.float64]
    """The longer side, in pixels."""
    is_at_edge: Flags
    """Whether it touches the edge of the image."""
    is_line: Flags
    """Whether it looks like a line at the image's edge or a border of the image."""
    is_frame: Flags
    """Whether it looks like a frame around other components."""

    @classmethod
    def measure(
        cls, labels: MatLike, boxes: MatLike, ink: NDArray[np.float64], contrast: Contrast
    ) -> "_Components":
        """Measure components.

        Args:
            labels: (h, w) the number of each pixel's component, from 1; 0 is the ground.
            boxes: (N, 5) left, top, width, height and pixel count of each component.
            ink: (N,) total contrast of each.
            contrast: The contrast that they were found in.
        """
        left, top, width, height, pixels = boxes.T.astype(np.float64)
        left, top = left + contrast.left, top + contrast.top
        right, bottom = left + width, top + height
        image_height, image_width = contrast.shape
        side = max(contrast.shape)
        extent = np.maximum(width, height)
        edges = (
            (left <= 0).astype(int) + (top <= 0) + (right >= image_width) + (bottom >= image_height)
        )
        is_thin = np.minimum(width, height) <= max(2.0, 0.08 * side)
        for index in np.flatnonzero((edges >= 1) & (extent >= 0.3 * side) & ~is_thin):
            _, size, _ = cv2.minAreaRect(cv2.findNonZero((labels == index + 1).view(np.uint8)))
            is_thin[index] = min(size) <= 0.12 * side
        spans = (width >= 0.9 * image_width, height >= 0.9 * image_height)
        is_line = is_thin & (((edges >= 1) & (extent >= 0.3 * side)) | spans[0] | spans[1])
        is_border = (edges >= 3) | (spans[0] & spans[1])
        is_frame = np.zeros(len(ink), bool)
        for index in np.flatnonzero(pixels < 0.35 * width * height):
            # A frame may be open at the top, like a box of a form.
            is_inside = (
                (left > left[index])
                & (right < right[index])
                & (bottom < bottom[index])
                & (bottom > top[index])
            )
            is_frame[index] = bool((is_inside & (extent >= 0.25 * extent[index])).any())
        return cls(
            *(left, top, right, bottom, ink, ink / pixels, extent, edges > 0),
            *(is_line | is_border, is_frame),
        )

    def groups(self) -> list[tuple[int, Flags]]:
        """Return the part, and which components belong to it, (N,), of each piece."""
        least = 0.0
        if len(self.ink) > _SPECK_COUNT:
            least = _SPECK_FACTOR * float(np.median(self.ink))
        # A component at the edge is the digit only if nothing else is, and so is a frame.
        weight = np.where(self.is_frame, 0.02, np.where(self.is_at_edge, 0.5, 1.0))
        main = int(np.argmax(self.ink * weight * ~self.is_line))
        if self.is_line[main] or self.ink[main] < least:
            return []
        belongs = self._around(main)
        groups = [(FRAME if self.is_frame[main] else MAIN, belongs)]
        is_doubtful = belongs & self._is_doubtful(main)
        if is_doubtful.any():
            groups.append((CORE, belongs & ~is_doubtful))
        # What looks like a frame may be an outline, with the digit's other strokes in it.
        others = np.where(self.is_frame & ~belongs, self.ink, 0)
        largest = int(np.argmax(others))
        if others[largest] > 0.5 * self.ink[belongs].sum():
            groups.append((FRAME, self._around(largest)))
        return groups

    def _around(self, main: int) -> Flags:
        """Return which components may belong to the same digit as one of them."""
        belongs = np.zeros(len(self.ink), bool)
        belongs[main] = True
        while True:  # a stroke in pieces is found piece by piece
            grown = belongs | (self._is_near(belongs) & ~self.is_line & ~self.is_frame)
            if (grown == belongs).all():
                return belongs
            belongs = grown

    def _is_near(self, group: Flags) -> Flags:
        """Return which components are near a group, for their size."""
        left, top = self.left[group].min(), self.top[group].min()
        right, bottom = self.right[group].max(), self.bottom[group].max()
        extent, ink = max(right - left, bottom - top), self.ink[group].sum()
        gap = np.maximum(
            np.maximum(self.left - right, left - self.right),
            np.maximum(self.top - bottom, top - self.bottom),
        )
        is_near = (self.ink >= 0.025 * ink) & (gap <= 0.25 * extent)
        is_large = (self.ink >= 0.15 * ink) & (gap <= 0.6 * extent)
        return np.asarray(is_near | is_large)

    def _is_doubtful(self, main: int) -> Flags:
        """Return which components may be a shadow or frame near a digit, or a line below it."""
        is_faint = self.darkness < 0.7 * self.darkness[main]
        width, height = self.right - self.left, self.bottom - self.top
        is_flat = (width >= 3 * height) & (width >= 0.5 * width[main])
        is_low = (height < 0.25 * height[main]) & (
            self.top >= self.bottom[main] - 0.1 * height[main]
        )
        return np.asarray(is_faint | (is_flat & is_low))
