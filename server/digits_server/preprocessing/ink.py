"""Where the ink of an image is."""

import functools
import math
from typing import Final

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .components import Components
from .ground import MIN_BLUR_SIDE, Contrast, top_and_median
from .lines import Outlines, find_ruling, remove_ruling

# Ink starts at this share of the full contrast: faint ruling is below it, soft edges above.
INK_SHARE: Final = 0.32
# The least contrast of ink, in levels, on an even ground and elsewhere, without grain.
MIN_EVEN_CONTRAST: Final = 4.0
_MIN_LOCAL_CONTRAST: Final = 10.0
LEAST_INK: Final = 0.3
"""The least ink at the darkest pixel of a piece."""

# Ruling of at most such a share of full ink is told from it by its level: ink starts at so much of
# the way from the one to the other. Lines that are cut out leave more behind.
_RULING_SHARE: Final = 0.4
_DARKEST_RULING: Final = 0.75
_LEVELS: Final = np.arange(256, dtype=np.float32)
_SHORT_LABELS: Final = 2**16
# So few components are labeled by filling their outlines.
_FEW_COMPONENTS: Final = 24
# A rectangle has such a side in pixels, is no narrower than so much of its length, and fills so
# much of its box.
_MIN_RECTANGLE_SIDE: Final = 12
_BAR_SHARE: Final = 0.5
_RECTANGLE_FILL: Final = 0.95
_SQUARE: Final = np.ones((3, 3), np.uint8)
_AROUND_LINES: Final = np.ones((5, 5), np.uint8)


class InkMask:
    """The ink of an image, without the lines of ruled paper."""

    def __init__(
        self,
        contrast: Contrast,
        smooth: MatLike,
        mask: MatLike,
        full_ink: float,
        *,
        is_ruled: bool,
    ) -> None:
        self.contrast = contrast
        """The contrast that it was found in."""
        self.smooth = smooth
        """(h, w) uint8: the contrast without its grain."""
        self.mask = mask
        """(h, w) uint8, 1 at ink."""
        self.full_ink = full_ink
        """The contrast of full ink."""
        self.is_ruled = is_ruled
        """Whether the paper has lines, or a border, from edge to edge."""

    @functools.cached_property
    def outlines(self) -> Outlines:
        """The outlines of all of the ink."""
        return Outlines.find(self.mask)

    def has_rectangle(self, max_extent: int) -> bool:
        """Return whether the largest outline is a rectangle, as a sheet's or a frame's is.

        Args:
            max_extent: Its longest side in pixels. That of the main piece leaves out the frame
                around a digit.
        """
        outline = max(self.outlines.components, key=cv2.contourArea, default=None)
        if outline is None:
            return False
        _, _, width, height = cv2.boundingRect(outline)
        extent = max(width, height)
        is_bar = min(width, height) < max(_MIN_RECTANGLE_SIDE, _BAR_SHARE * extent)
        if is_bar or extent > max_extent:
            return False
        # The outline passes through the middle of the outermost pixels.
        return cv2.contourArea(outline) >= _RECTANGLE_FILL * (width - 1) * (height - 1)

    @functools.cached_property
    def labeled(self) -> tuple[MatLike, MatLike, Components]:
        """See ``label``."""
        return self.label(self.mask)

    def label(self, mask: MatLike) -> tuple[MatLike, MatLike, Components]:
        """Return the components of a part of the ink, which has some.

        Returns:
            labels: (h, w) the number of each pixel's component, from 1; 0 is the ground.
            boxes: (N, 4) left, top, width and height of each component.
            components: Their measures.
        """
        outlines = self.outlines if mask is self.mask else Outlines.find(mask)
        if len(outlines.components) <= _FEW_COMPONENTS:
            labels, boxes = _fill(mask, outlines)
        else:
            labels, boxes = _find_components(mask)
        inked = np.flatnonzero(mask.view(np.bool_))
        owners, count = labels.take(inked), len(boxes) + 1
        pixels = np.bincount(owners, minlength=count)[1:].astype(np.float64)
        ink = np.bincount(owners, self.smooth.take(inked), count)[1:].astype(np.float64)
        components = Components.measure(labels, boxes, pixels, ink, self.contrast)
        return labels, boxes, components

    def cut_out(self, mask: MatLike, left: int, top: int, full_ink: float) -> NDArray[np.float32]:
        """Return the ink of a piece, (h, w) from 0 for no ink to 1 for full ink.

        Args:
            mask: (h, w) uint8, 1 at the piece's ink, cropped to it.
            left: Its first column in the mask of all of the ink.
            top: Its first row.
            full_ink: The contrast of full ink in it.
        """
        height, width = mask.shape
        pixels = self.contrast.pixels[top : top + height, left : left + width]
        # The soft edge of a stroke lies outside the mask. Below a tenth of full ink is paper.
        with_edges = cv2.dilate(mask, _SQUARE)
        return np.asarray(cv2.LUT(pixels * with_edges, _ink_of_level(full_ink)), np.float32)


def _fill(mask: MatLike, outlines: Outlines) -> tuple[MatLike, MatLike]:
    """Return labels and boxes of few components, faster than by looking at every pixel."""
    boxes = np.array([cv2.boundingRect(each) for each in outlines.components], np.int32)
    labels = np.zeros(mask.shape, np.uint8)
    # One that is in the hole of another is smaller.
    for index in np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable").tolist():
        cv2.drawContours(labels, outlines.components, index, index + 1, cv2.FILLED)
    return cv2.multiply(labels, mask), boxes


def _find_components(mask: MatLike) -> tuple[MatLike, MatLike]:
    """Return labels and boxes of any number of components."""
    # Labels of 16 bits are faster. In a square of 2x2 pixels is one component at most.
    most = math.prod((side + 1) // 2 for side in mask.shape)
    kind = cv2.CV_16U if most < _SHORT_LABELS else cv2.CV_32S
    labels, boxes = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=kind)[1:3]
    return labels, boxes[1:, :4]


def find_ink(contrast: Contrast) -> InkMask | None:
    """Return where there is ink; None if there is none."""
    pixels, longer_side = contrast.pixels, max(contrast.shape)
    # Where strokes are wider than a pixel, blurring averages the grain away.
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0) if longer_side > MIN_BLUR_SIDE else pixels
    levels = _ink_levels(smooth, contrast)
    if levels is None:
        return None
    full_ink, threshold = levels
    mask = _pixels_above(threshold, smooth)
    ruling = find_ruling(mask, contrast.shape)
    if ruling is not None:
        level = float(np.median(smooth[ruling.view(np.bool_)]))
        # Lines may be darker than the ink.
        without_lines = smooth * (1 - cv2.dilate(ruling, _AROUND_LINES))
        full_ink, threshold = _ink_levels(without_lines, contrast) or levels
        if level <= _DARKEST_RULING * full_ink:
            threshold = level + _RULING_SHARE * (full_ink - level)
        mask = _pixels_above(threshold, smooth)
        mask = remove_ruling(mask, contrast.shape)
    return InkMask(contrast, smooth, mask, full_ink, is_ruled=ruling is not None)


def _pixels_above(threshold: float, smooth: MatLike) -> MatLike:
    return (smooth > np.uint8(threshold)).view(np.uint8)


def _ink_levels(smooth: MatLike, contrast: Contrast) -> tuple[float, float] | None:
    """Return the contrast of full ink and the contrast where ink starts, or None without ink."""
    pixel_count, longer_side = math.prod(contrast.shape), max(contrast.shape)
    # The very darkest pixels may be a speck. A digit has at least this many dark pixels.
    dark_count = min(pixel_count, max(4, longer_side // 16))
    full_ink, paper = top_and_median(smooth, pixel_count, dark_count)
    min_contrast = MIN_EVEN_CONTRAST if contrast.is_even else _MIN_LOCAL_CONTRAST
    least = max(min_contrast, paper + 2 * contrast.grain)
    if full_ink < least:
        return None
    return float(full_ink), max(INK_SHARE * full_ink, least)


@functools.cache  # full ink has at most 256 values
def _ink_of_level(full_ink: float) -> NDArray[np.float32]:
    """Return the ink, (256,) from 0 to 1, at pixels of each contrast."""
    ink = _LEVELS * np.float32(1.25 / full_ink) - np.float32(0.125)
    return np.asarray(np.clip(ink, 0, 1), np.float32)
