"""Finding the ink of a digit: on either ground, in uneven light, among specks and lines.

The result is how much ink each pixel holds, with nothing left but the digit.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

# OpenCV's types say no more than "numbers". Gray is uint8, and Share float32 in 0..1.
Gray = MatLike
Share = MatLike

# Paper is even when this share of the image's edge is within these levels of its median:
# a canvas, or a scan that was cleaned. Otherwise the light on it is estimated.
EVEN_SHARE: Final = 0.7
EVEN_LEVELS: Final = 8
# The estimate is made on a small copy: light changes slowly.
LIGHT_SIDE: Final = 64

# Ink that differs less from the paper than this is none, nor is ink within this many
# standard deviations of the paper's grain.
MIN_CONTRAST: Final = 24
GRAIN_SIGMAS: Final = 5.0
# Where ink begins, as a share of the darkest: faint ruling stays below, soft edges above.
INK_SHARE: Final = 0.32
# The widest line of ruled paper, as a share of the image's longer side.
MAX_RULE_SHARE: Final = 0.025
# How much of the image's width or height such a line spans.
RULE_SPAN: Final = 0.95
# The smallest digit, as a share of the image's longer side, and in pixels.
MIN_EXTENT_SHARE: Final = 0.03
MIN_EXTENT_PIXELS: Final = 3

# Around what is looked at closely: as far as blurring sees, and a pixel more.
_MARGIN: Final = 2
_LEVELS: Final = np.arange(256, dtype=np.float32)
_CUBES: Final = np.arange(256.0) ** 3


class Contrast(NamedTuple):
    """How far pixels are from the paper towards the ink."""

    pixels: Gray
    """(h, w) uint8, of the part of the image where there is any, and a little around it."""
    grain: float
    """Of the paper: a standard deviation, in levels."""
    left: int
    top: int
    """Where the part begins."""
    shape: tuple[int, ...]
    """(H, W) of the image."""

    def whole(self, part: Gray) -> Gray:
        """Return what belongs to the part as an image, 0 around it."""
        height, width = part.shape
        image = np.zeros(self.shape, part.dtype)
        image[self.top : self.top + height, self.left : self.left + width] = part
        return image

    def part(self, image: Gray) -> Gray:
        """Return of an image what belongs to the part."""
        height, width = self.pixels.shape
        return image[self.top : self.top + height, self.left : self.left + width]


def find_ink(gray: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the ink of the digit in an image, cut out, or None for a blank image.

    Args:
        gray: (H, W) uint8.

    Returns:
        (h, w) float32, 0 for no ink to 1 for full ink.
    """
    contrast = _contrast(gray)
    pixels, longer_side = contrast.pixels, max(gray.shape)
    # Single pixels of grain are averaged away where a stroke is wider than a pixel.
    smooth = cv2.GaussianBlur(pixels, (3, 3), 0) if longer_side > LIGHT_SIDE else pixels
    levels = _levels(smooth, contrast)
    if levels is None:
        return None
    peak, begin = levels
    mask = _digit(smooth, (smooth > np.uint8(begin)).view(np.uint8), contrast)
    left, top, width, height = cv2.boundingRect(mask)  # of nothing: zeros
    if max(width, height) < max(MIN_EXTENT_PIXELS, MIN_EXTENT_SHARE * longer_side):
        return None
    place = np.s_[top : top + height, left : left + width]
    # A stroke's soft edge lies outside the mask; what is below a tenth is the paper's.
    edged = cv2.dilate(mask[place], np.ones((3, 3), np.uint8))
    shares = np.clip(_LEVELS * np.float32(1.25 / peak) - np.float32(0.125), 0, 1)
    return np.asarray(cv2.LUT(pixels[place] * edged, shares), np.float32)


def _contrast(gray: Gray) -> Contrast:
    edge = np.sort(np.concatenate((gray[0], gray[-1], gray[:, 0], gray[:, -1])))
    ground = (int(edge[edge.size // 2 - 1]) + int(edge[edge.size // 2])) // 2
    begin, end = edge.searchsorted((ground - EVEN_LEVELS, ground + EVEN_LEVELS + 1))
    if end - begin < EVEN_SHARE * edge.size:
        return _contrast_in_uneven_light(gray)
    # What is as even as the paper is counted without being looked at: mostly it is the most.
    left, top, right, bottom = _uneven(gray, ground)
    part = gray[top:bottom, left:right]
    # Counting takes longer than all else here: it is done once, for both directions.
    counts = _histogram(part)
    counts[ground] += gray.size - part.size
    lighter, darker = _beyond(counts, ground), _beyond(counts[::-1], counts.size - 1 - ground)
    paper = np.full_like(part, ground)
    # The grain away from the ink, where nothing else is: half of it is cut off at 0.
    if _weight(lighter) > _weight(darker):
        pixels, grain = cv2.subtract(part, paper), _quantile(darker, 0.84)
    else:
        pixels, grain = cv2.subtract(paper, part), _quantile(lighter, 0.84)
    return Contrast(pixels, float(grain), left, top, gray.shape)


def _uneven(gray: Gray, ground: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is not of the ground's level, and a little more.

    So much that blurring finds the same neighbours as in the whole image.
    """
    height, width = gray.shape
    left, top, across, down = cv2.boundingRect(cv2.absdiff(gray, np.full_like(gray, ground)))
    return (
        max(0, left - _MARGIN),
        max(0, top - _MARGIN),
        min(width, left + across + _MARGIN),
        min(height, top + down + _MARGIN),
    )


def _beyond(counts: NDArray[np.float64], ground: int) -> NDArray[np.float64]:
    """Return the counts of what levels are above the ground, those below it counting as 0."""
    return np.concatenate(([counts[: ground + 1].sum()], counts[ground + 1 :]))


def _contrast_in_uneven_light(gray: Gray) -> Contrast:
    height, width = gray.shape
    scale = min(1.0, LIGHT_SIDE / max(gray.shape))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    slope = _slope(small)
    level = small - slope
    if float((level * level * level).sum()) > 0:  # the few that differ most are light: light ink
        gray, level, slope = cv2.bitwise_not(gray), -level, 255 - slope
    # What a slope cannot follow, shadows: the lightest within reach of each pixel, smoothed.
    # Nothing of a digit is as wide as half the image.
    reach = max(3, max(size) // 2 | 1)
    shadow = cv2.morphologyEx(
        cv2.medianBlur(level, 3), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)
    )
    small_paper = slope + cv2.GaussianBlur(shadow, (0, 0), reach / 4)
    paper = cv2.resize(small_paper, (width, height), interpolation=cv2.INTER_LINEAR)
    contrast = cv2.subtract(np.clip(paper, 0, 255).astype(np.uint8), gray)
    counts = _histogram(contrast)
    grain = _quantile(counts, 0.5) - _quantile(counts, 0.16)
    return Contrast(contrast, float(grain), 0, 0, gray.shape)


def _slope(small: Share) -> Share:
    """Return the light on the paper as a surface of second order, fitted without the ink."""
    height, width = small.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32).reshape(2, -1)
    terms = np.stack((np.ones_like(x), x, y, x * x, x * y, y * y), axis=1)  # (N, 6)
    values = small.ravel()
    usual = np.ones(values.size, bool)
    surface = values
    for _ in range(4):
        if np.count_nonzero(usual) < 2 * terms.shape[1]:
            break
        # By the normal equations: six terms need no more care, and a general solver
        # would bring in threads that cost forty times as much. The little on the diagonal
        # keeps an image of a single row or column from having no solution.
        known = terms[usual]
        normal = (known.T @ known).astype(np.float64) + np.eye(terms.shape[1]) * 1e-3
        solution = np.linalg.solve(normal, known.T @ values[usual])
        surface = terms @ solution.astype(np.float32)
        distance = np.abs(values - surface)
        usual = distance <= 2.5 * max(1.0, float(np.median(distance)))
    return surface.reshape(small.shape)


def _weight(counts: NDArray[np.float64]) -> float:
    """Return a weight in which the few pixels that differ most, the ink, outdo all the others."""
    return float(counts @ _CUBES[: counts.size])


def _histogram(gray: Gray) -> NDArray[np.float64]:
    """Count the pixels of each level, 0 to 255."""
    return cv2.calcHist([gray], [0], None, [256], [0, 256]).ravel().astype(np.float64)


def _quantile(counts: NDArray[np.float64], share: float) -> int:
    """Return the level that a share of the pixels do not pass."""
    return int(np.searchsorted(counts.cumsum(), share * counts.sum()))


def _levels(smooth: Gray, contrast: Contrast) -> tuple[float, float] | None:
    """Return the level of full ink and the level where ink begins, or None without ink."""
    height, width = contrast.shape
    counts = _histogram(smooth)
    counts[0] += height * width - smooth.size
    # Not the very darkest, which may be a speck: a digit has at least so many dark pixels.
    dark_count = min(height * width, max(4, max(height, width) // 8))
    peak = _quantile(counts, 1 - dark_count / (height * width))
    paper = _quantile(counts, 0.5)
    if peak < max(MIN_CONTRAST, paper + GRAIN_SIGMAS * contrast.grain):
        return None
    return float(peak), max(INK_SHARE * peak, paper + 3 * contrast.grain)


def _digit(smooth: Gray, mask: Gray, contrast: Contrast) -> Gray:
    """Return 1 where the digit is, and 0 at specks, lines and frames beside it."""
    if not _may_have_ruling(mask, contrast.shape) and _piece_count(mask) <= 1:
        return mask
    mask = _without_ruling(contrast.whole(mask))
    if _piece_count(mask) <= 1:
        return contrast.part(mask)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    at = np.flatnonzero(mask)
    ink = contrast.whole(smooth).ravel()[at]
    total = np.bincount(labels.ravel()[at], ink, count)[1:].astype(np.float64)
    kept = _kept_pieces(boxes[1:], total, mask.shape)
    return contrast.part(np.asarray(np.concatenate(([False], kept))[labels], np.uint8))


def _piece_count(mask: Gray) -> int:
    """Count pieces by their outlines, which takes a tenth of the time of labelling them."""
    outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return 0
    parents = hierarchy[0, :, 3]  # those that have one are holes
    return int(np.count_nonzero(parents < 0))


def _may_have_ruling(mask: Gray, shape: tuple[int, ...]) -> bool:
    """Tell whether a part of an image has a line from edge to edge of the whole."""
    height, width = shape
    if max(height, width) < LIGHT_SIDE:
        return False
    across = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / width
    down = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() / height
    return bool(max(across, down) >= RULE_SPAN)


def _without_ruling(mask: Gray) -> Gray:
    """Take away ruled or squared paper as dark as the ink: thin lines from edge to edge.

    One such line alone may be a stroke, and stays. Strokes that cross a line are mended.
    """
    if not _may_have_ruling(mask, mask.shape):
        return mask
    height, width = mask.shape
    thick = max(2, round(MAX_RULE_SHARE * max(height, width)))
    across = np.ones((1, round(RULE_SPAN * width)), np.uint8)
    down = np.ones((round(RULE_SPAN * height), 1), np.uint8)
    lines = np.zeros_like(mask)
    line_count = 0
    for along, through in ((across, (thick + 1, 1)), (down, (1, thick + 1))):
        long = cv2.morphologyEx(mask, cv2.MORPH_OPEN, along)
        thin = cv2.subtract(
            long, cv2.morphologyEx(long, cv2.MORPH_OPEN, np.ones(through, np.uint8))
        )
        profile = thin.max(axis=1 if along is across else 0).astype(np.int8)
        line_count += int(np.count_nonzero(np.diff(profile, prepend=0) > 0))
        lines = cv2.bitwise_or(lines, thin)
    if line_count < 2:
        return mask
    rest = cv2.subtract(mask, lines)
    bridge = np.ones((thick + 2, thick + 2), np.uint8)
    mended = cv2.bitwise_and(cv2.morphologyEx(rest, cv2.MORPH_CLOSE, bridge), lines)
    return cv2.bitwise_or(rest, mended)


def _kept_pieces(
    boxes: MatLike, ink: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Tell which pieces belong to the digit.

    Args:
        boxes: (N, 5): left, top, width, height and pixels of each piece.
        ink: (N,), of each piece in all.
        shape: Of the image.
    """
    left, top, width, height, pixels = boxes.T.astype(np.float64)
    right, bottom = left + width, top + height
    extent = np.maximum(width, height)
    touched = (left <= 0).astype(int) + (top <= 0) + (right >= shape[1]) + (bottom >= shape[0])
    side = max(shape)
    is_thin = np.minimum(width, height) <= max(2.0, 0.08 * side)
    is_line = (touched >= 1) & is_thin & (extent >= 0.3 * side)
    is_frame = (touched >= 3) | ((width >= 0.9 * shape[1]) & (height >= 0.9 * shape[0]))
    # What touches the edge is a digit only where nothing else is.
    weight = np.where(is_line | is_frame, 0.02, np.where(touched > 0, 0.5, 1.0))
    main = int(np.argmax(ink * weight))
    gap = np.maximum(
        np.maximum(left - right[main], left[main] - right),
        np.maximum(top - bottom[main], top[main] - bottom),
    )
    darkness = ink / pixels
    near = (ink >= 0.025 * ink[main]) & (gap <= 0.25 * extent[main])
    large = (ink >= 0.25 * ink[main]) & (gap <= 0.6 * extent[main])
    # Shade at the edge is as large as a stroke, but not as dark.
    is_shade = (touched > 0) & (darkness < 0.7 * darkness[main])
    kept = (near | large) & ~is_line & ~is_frame & ~is_shade
    kept[main] = True
    return np.asarray(kept)
