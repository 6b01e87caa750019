"""The readings of an image: the plausible ways to tell ink from ground in it.

On an even ground, the ink is what differs from it, and there usually is one reading. Elsewhere
nobody knows which side is the ink, or whether a dark area is a desk, a shadow or a thick stroke.
All ways are then tried, and the network decides which result is a digit.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from .frames import to_frame
from .ground import Contrast, TwoLevels, even_contrast, local_contrasts
from .pieces import MAX_PIECES, MIN_EXTENT_PIXELS, PARTS, Piece, find_pieces, why_unread
from .reason import Reason
from .recipe import FRAME_SIZE, are_frames, is_frame
from .resize import shrink_to
from .sheets import find_sheets

SOURCES: Final = (
    "image as it is",
    "ink on even ground",
    "dark ink",
    "light ink",
    "ink on even sheet",
    "dark ink on sheet",
    "light ink on sheet",
    "all that is dark",
    "all that is light",
)
AS_IT_IS, EVEN, DARK, LIGHT, SHEET, SHEET_DARK, SHEET_LIGHT, ALL_DARK, ALL_LIGHT = range(9)
READINGS: Final = tuple(source + part for source in SOURCES for part in PARTS)
"""The kinds of reading: of each source, each part of the ink."""

MAX_READINGS: Final = 7 * MAX_PIECES + 2
"""Most readings of an image: of the pieces on an even ground, of the dark and the light ones in the
image and on two sheets, of all that is dark and all that is light."""

# Larger images, such as photos, are scaled down to this side before the ink is searched. What is
# smaller than so much of it is then cut out of the image as it came.
SEARCH_SIDE: Final = 320
_UNEVEN_SEARCH_SIDE: Final = 240  # each pixel is looked at far more often
_SMALL_EXTENT: Final = 80
_MARGIN_SHARE: Final = 0.6

_FRAME_SHAPE: Final = (FRAME_SIZE, FRAME_SIZE)

# The ink of a digit that is cut tight has at least such a share of the image's width and height.
_TIGHT_SHARE: Final = 0.6

# The least difference between all that is dark and all that is light, in levels.
_MIN_GLOBAL_CONTRAST: Final = 20.0


class Reading(NamedTuple):
    """One way to see ink in an image."""

    kind: int
    """Index into ``READINGS``."""
    frame: NDArray[np.float32]
    """(28, 28) in 0..1."""


class Readings(NamedTuple):
    """The readings of N images."""

    frames: NDArray[np.float32]
    """(R, 28, 28) in 0..1."""
    owners: NDArray[np.intp]
    """(R,) index of the image that each frame shows, in ascending order."""
    kinds: NDArray[np.uint8]
    """(R,) index into ``READINGS``."""
    failures: NDArray[np.uint8]
    """(N,) ``Reason`` why an image has ink and yet no reading; 0 for every other image."""


def find_readings(gray: NDArray[np.uint8]) -> tuple[list[Reading], Reason]:
    """Return the readings of an image, the usual one first; without any, why there is none.

    Args:
        gray: (H, W) uint8, H and W at least 1.
    """
    if is_frame(gray):
        return [Reading(AS_IT_IS, _to_float(gray))], Reason.UNSPECIFIED
    return _search(gray)


def find_all_readings(grays: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Readings:
    """Return the readings of images, faster than one by one with ``find_readings``.

    Args:
        grays: An (N, H, W) uint8 array, or (H, W) uint8 images, whose sizes may differ.
    """
    if len(grays) > 1 and all(gray.shape == _FRAME_SHAPE for gray in grays):
        return _read_frame_sized(np.asarray(grays))
    return _join([find_readings(gray) for gray in grays])


def _read_frame_sized(grays: NDArray[np.uint8]) -> Readings:
    """Return the readings of (N, 28, 28) images, of which most already are frames."""
    are_read = are_frames(grays)
    owners = np.flatnonzero(are_read)
    kinds, failures = np.full(len(owners), AS_IT_IS, np.uint8), np.zeros(len(grays), np.uint8)
    frames = Readings(_to_float(grays[owners]), owners, kinds, failures)
    if len(owners) == len(grays):
        return frames
    indices = np.flatnonzero(~are_read)
    others = _join([_search(grays[index]) for index in indices.tolist()])
    failures[indices] = others.failures
    order = np.argsort(np.concatenate((owners, indices[others.owners])), kind="stable")
    return Readings(
        np.concatenate((frames.frames, others.frames))[order],
        np.concatenate((owners, indices[others.owners]))[order],
        np.concatenate((kinds, others.kinds))[order],
        failures,
    )


def _join(found: Sequence[tuple[Sequence[Reading], Reason]]) -> Readings:
    """Return the readings of images as columns."""
    rows = [(index, reading) for index, (readings, _) in enumerate(found) for reading in readings]
    frames = np.empty((len(rows), *_FRAME_SHAPE), np.float32)
    for frame, (_, reading) in zip(frames, rows, strict=True):
        frame[:] = reading.frame
    owners = np.array([index for index, _ in rows], np.intp)
    kinds = np.array([reading.kind for _, reading in rows], np.uint8)
    return Readings(frames, owners, kinds, np.array([failure for _, failure in found], np.uint8))


def _to_float(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)


def _search(gray: NDArray[np.uint8]) -> tuple[list[Reading], Reason]:
    small = np.asarray(shrink_to(gray, SEARCH_SIDE), np.uint8)
    contrast = even_contrast(small)
    if contrast is None:
        return _search_uneven(gray, small), Reason.UNSPECIFIED
    readings = _read_pieces(gray, contrast, EVEN)
    if contrast.has_large_areas():
        readings += _search_uneven(gray, small)
    failure = Reason.UNSPECIFIED if readings else why_unread(contrast)
    return readings, failure


def _search_uneven(gray: NDArray[np.uint8], small: NDArray[np.uint8]) -> list[Reading]:
    small = np.asarray(shrink_to(small, _UNEVEN_SEARCH_SIDE), np.uint8)
    two_levels = TwoLevels.measure(small)
    readings = _read_both(gray, small, two_levels, DARK)
    if two_levels:
        readings += _read_sheets(find_sheets(small, two_levels))
        readings += _read_all(small, two_levels)
    # Several ways may find the same.
    return list({reading.frame.tobytes(): reading for reading in reversed(readings)}.values())[::-1]


def _read_sheets(sheets: Sequence[NDArray[np.uint8]]) -> list[Reading]:
    readings: list[Reading] = []
    for sheet in sheets:
        contrast = even_contrast(sheet)
        if contrast is not None:
            readings += _read_pieces(sheet, contrast, SHEET)
    if not readings:
        for sheet in sheets:
            readings += _read_both(sheet, sheet, TwoLevels.measure(sheet), SHEET_DARK)
    return readings


def _read_both(
    gray: NDArray[np.uint8], small: NDArray[np.uint8], two_levels: TwoLevels | None, kind: int
) -> list[Reading]:
    """Return the readings of the dark ink, of this kind, and of the light ink, of the next."""
    dark, light = local_contrasts(small, two_levels)
    readings = _read_pieces(gray, dark, kind)
    return readings + _read_pieces(gray, light, kind + 1)


def _read_pieces(gray: NDArray[np.uint8], contrast: Contrast, kind: int) -> list[Reading]:
    """Return the readings of the main pieces of ink; the first has this kind, others the next."""
    return [
        Reading(
            kind * len(PARTS) + piece.part,
            to_frame(_look_closer(gray, contrast, piece)),
        )
        for piece in find_pieces(contrast)
    ]


def _look_closer(gray: NDArray[np.uint8], contrast: Contrast, piece: Piece) -> NDArray[np.float32]:
    """Return the ink of a piece, found again in the image before it was scaled down."""
    scale = max(gray.shape) / max(contrast.shape)
    if scale <= 1 or piece.extent > _SMALL_EXTENT or piece.part > 1:
        return piece.ink
    height, width = piece.ink.shape
    margin = _MARGIN_SHARE * piece.extent + MIN_EXTENT_PIXELS
    left, top = max(0, piece.left - margin) * scale, max(0, piece.top - margin) * scale
    right = (piece.left + width + margin) * scale
    bottom = (piece.top + height + margin) * scale
    area = np.ascontiguousarray(gray[int(top) : int(bottom) + 1, int(left) : int(right) + 1])
    area = np.asarray(shrink_to(area, SEARCH_SIDE), np.uint8)
    closer = even_contrast(area)
    if closer is None:
        closer = local_contrasts(area, TwoLevels.measure(area))[contrast.is_light]
    pieces = find_pieces(closer)
    return pieces[0].ink if pieces else piece.ink


def _read_all(gray: NDArray[np.uint8], two_levels: TwoLevels) -> list[Reading]:
    """Return the readings of a digit that touches the image's edges: all dark or all light."""
    dark, light = two_levels.dark, two_levels.light
    if light - dark < _MIN_GLOBAL_CONTRAST:
        return []
    darkness = (light - np.arange(256)) / (light - dark)
    readings = []
    for kind, share in ((ALL_DARK, darkness), (ALL_LIGHT, 1 - darkness)):
        ink = cv2.LUT(gray, np.clip(1.25 * share - 0.125, 0, 1).astype(np.float32))
        left, top, width, height = cv2.boundingRect((ink > 0.5).view(np.uint8))
        if min(width / gray.shape[1], height / gray.shape[0]) >= _TIGHT_SHARE:
            frame = to_frame(ink[top : top + height, left : left + width])
            readings.append(Reading(kind * len(PARTS), frame))
    return readings
