"""The search for the readings of an image: the plausible ways to tell ink from ground in it.

On an even ground, the ink is what differs from it, and there usually is one reading. Elsewhere
nobody knows which side is the ink, or whether a dark area is a desk, a shadow or a thick stroke.
All ways are then tried, and the network decides which result is a digit.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError

from .edges import is_edge
from .frames import to_frame
from .ground import Contrast, TwoLevels, even_contrast, local_contrasts
from .ink import LEAST_INK, InkMask, find_ink
from .layout import MAX_NUMBER_DIGITS, MAX_PAGE_LINES, Layout
from .pieces import MIN_EXTENT_PIXELS, PARTS, Piece, find_pieces, why_unread
from .readings import (
    ALL_DARK,
    ALL_LIGHT,
    AS_IT_IS,
    DARK,
    EVEN,
    FRAME_SHAPE,
    SHEET,
    SHEET_DARK,
    Box,
    Found,
    Reading,
    Readings,
    join_readings,
)
from .reason import Reason
from .recipe import FRAME_SIZE, are_frames, has_gap, have_gaps, is_frame
from .resize import shrink_to
from .sheets import find_sheets
from .strips import MAX_COLUMNS, CrowdedError, Line, are_several, find_views

# Larger images, such as photos, are scaled down to this side before the ink is searched. What is
# smaller than so much of it is then cut out of the image as it came.
SEARCH_SIDE: Final = 320
_UNEVEN_SEARCH_SIDE: Final = 240  # each pixel is looked at far more often
_SMALL_EXTENT: Final = 80
_MARGIN_SHARE: Final = 0.6

# A number is wide. It has twice the pixels of another image, unless its sides differ by more than
# this factor squared, and a page has eight times as many.
_MAX_STRETCH: Final = 4.0
_FACTORS: Final = {Layout.NUMBER: 2**0.5, Layout.PAGE: 8**0.5}

# What remains of lines that were removed is smaller than so much of the longer side.
_REMNANT_SHARE: Final = 0.025

# Ink with such a share of the image's width and height may be bars around fainter ink.
_AROUND_SHARE: Final = 0.9

# The ink of a digit that is cut tight has at least such a share of the image's width and height.
_TIGHT_SHARE: Final = 0.6

# The least difference between all that is dark and all that is light, in levels.
_MIN_GLOBAL_CONTRAST: Final = 20.0

_WHOLE_FRAME: Final = (0, 0, FRAME_SIZE, FRAME_SIZE)


def find_readings(gray: NDArray[np.uint8], layout: Layout = Layout.DIGIT) -> Found:
    """Return the readings of an image, and the lines of digits, if it may hold several.

    Args:
        gray: (H, W) uint8, H and W at least 1.
        layout: What the image is said to hold.

    Raises:
        InvalidArgumentError: There are too many pieces of ink for a number or a page.
    """
    if not is_frame(gray):
        return _Search(gray, layout).run()
    reading = Reading(AS_IT_IS, _to_float(gray), _WHOLE_FRAME)
    may_hold_several = layout != Layout.DIGIT or has_gap(gray)
    lines = _Search(gray, layout).run().lines if may_hold_several else []
    return Found([reading], lines, Reason.UNSPECIFIED)


def find_all_readings(grays: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Readings:
    """Return the readings of images of one digit, faster than one by one with ``find_readings``.

    Args:
        grays: An (N, H, W) uint8 array, or (H, W) uint8 images, whose sizes may differ.
    """
    if len(grays) > 1 and all(gray.shape == FRAME_SHAPE for gray in grays):
        return _read_frame_sized(np.asarray(grays))
    return join_readings([find_readings(gray) for gray in grays])


def _read_frame_sized(grays: NDArray[np.uint8]) -> Readings:
    """Return the readings of (N, 28, 28) images, of which most already are frames of a digit."""
    are_read = are_frames(grays) & ~have_gaps(grays)
    owners = np.flatnonzero(are_read)
    frames = Readings(
        _to_float(grays[owners]),
        owners,
        np.full(len(owners), AS_IT_IS, np.uint8),
        np.tile(np.array(_WHOLE_FRAME, np.intp), (len(owners), 1)),
        np.zeros(len(grays), np.uint8),
        [],
    )
    if len(owners) == len(grays):
        return frames
    indices = np.flatnonzero(~are_read)
    others = join_readings([find_readings(grays[index]) for index in indices.tolist()])
    frames.failures[indices] = others.failures
    owners = np.concatenate((owners, indices[others.owners]))
    order = np.argsort(owners, kind="stable")
    return Readings(
        np.concatenate((frames.frames, others.frames))[order],
        owners[order],
        np.concatenate((frames.kinds, others.kinds))[order],
        np.concatenate((frames.boxes, others.boxes))[order],
        frames.failures,
        [line._replace(image=int(indices[line.image])) for line in others.lines],
    )


def _to_float(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)


class _Area(NamedTuple):
    """A part of the image in which ink is searched, or all of it."""

    gray: NDArray[np.uint8]
    """(h, w) its pixels, not scaled down if it is all of the image."""
    scale: float = 1.0
    """Number of columns of the image for each one that is searched."""
    left: float = 0.0
    """Its first column in the image."""
    top: float = 0.0
    """Its first row in the image."""
    shown_in: tuple[tuple[NDArray[np.uint8], int, int], ...] = ()
    """Images that show it in the size that is searched, with its first column and row in them."""

    def has_edge(self, piece: Piece, *, is_light: bool) -> bool:
        """Return whether a piece is not a stroke but the edge between two areas of an image."""
        mask = (piece.ink > LEAST_INK).view(np.uint8)
        return any(
            is_edge(gray, mask, left + piece.left, top + piece.top, is_light=is_light)
            for gray, left, top in self.shown_in
        )


class _Search:
    """The search for the readings and the lines of an image."""

    def __init__(self, gray: NDArray[np.uint8], layout: Layout) -> None:
        self._gray = gray
        self._layout = layout
        self._readings: list[Reading] = []
        self._lines: list[Line] = []
        self._view_count = 0
        self._is_crowded = False

    def run(self) -> Found:
        """Search the image.

        Raises:
            InvalidArgumentError: There are too many pieces of ink for a number or a page.
        """
        small = self._shrink(self._gray, SEARCH_SIDE)
        contrast = even_contrast(small)
        failure = Reason.UNSPECIFIED
        if contrast is None:
            self._search_uneven(small)
        else:
            may_hide = self._read_pieces(self._area(small), contrast, EVEN)
            if may_hide or contrast.has_large_areas():
                self._search_uneven(small)
            if self._lines and not self._readings:
                failure = Reason.NO_DIGIT  # unless the line network reads them
            elif not self._readings:
                failure = why_unread(contrast, self._area(small).scale)
        if self._is_crowded and not self._lines and self._layout != Layout.DIGIT:
            raise InvalidArgumentError(
                "image",
                f"holds too much ink; at most {MAX_PAGE_LINES} lines of {MAX_NUMBER_DIGITS} digits "
                "are accepted",
            )
        return Found(self._readings, self._lines, failure)

    def _shrink(self, gray: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        if self._layout != Layout.DIGIT:
            stretch = math.sqrt(max(gray.shape) / min(gray.shape))
            side = round(side * _FACTORS[self._layout] * min(stretch, _MAX_STRETCH))
        return np.asarray(shrink_to(gray, side), np.uint8)

    def _area(self, small: NDArray[np.uint8]) -> _Area:
        """Return all of the image as an area that is searched in a smaller copy."""
        scale = max(self._gray.shape) / max(small.shape)
        return _Area(self._gray, scale, shown_in=((small, 0, 0),))

    def _search_uneven(self, small: NDArray[np.uint8]) -> None:
        small = self._shrink(small, _UNEVEN_SEARCH_SIDE)
        two_levels = TwoLevels.measure(small)
        usual, self._readings = self._readings, []
        self._read_both(self._area(small), small, two_levels, DARK)
        if two_levels:
            self._read_sheets(small, two_levels)
            self._read_all(small, two_levels)
        # Several ways may find the same.
        others = {reading.frame.tobytes(): reading for reading in reversed(self._readings)}
        self._readings = usual + list(others.values())[::-1]

    def _read_sheets(self, small: NDArray[np.uint8], two_levels: TwoLevels) -> None:
        scale = self._area(small).scale
        sheets = [
            _Area(
                sheet.gray,
                scale,
                sheet.left * scale,
                sheet.top * scale,
                ((sheet.gray, 0, 0), (small, sheet.left, sheet.top)),
            )
            for sheet in find_sheets(small, two_levels)
        ]
        before = len(self._readings)
        for sheet in sheets:
            contrast = even_contrast(sheet.gray)
            if contrast is not None:
                self._read_pieces(sheet, contrast, SHEET)
        if len(self._readings) == before:
            for sheet in sheets:
                self._read_both(sheet, sheet.gray, TwoLevels.measure(sheet.gray), SHEET_DARK)

    def _read_both(
        self, area: _Area, small: NDArray[np.uint8], two_levels: TwoLevels | None, kind: int
    ) -> None:
        """Read the dark ink, with this kind, and the light ink, with the next."""
        for contrast in local_contrasts(small, two_levels):
            self._read_pieces(area, contrast, kind + contrast.is_light)

    def _read_pieces(self, area: _Area, contrast: Contrast, kind: int) -> bool:
        """Read the lines of digits, and the pieces of ink that may be one digit.

        Returns:
            Whether other ink may be hidden: what differs most is a sheet, or a frame or lines
            around fainter ink, or around ink on the other side of the ground's level.
        """
        ink = find_ink(contrast)
        if ink is None or (self._read_lines(area, ink) and contrast.is_even):
            return False
        pieces = find_pieces(ink)
        for piece in pieces:
            if kind != EVEN and area.has_edge(piece, is_light=contrast.is_light):
                continue
            height, width = piece.ink.shape
            box = self._place(area, (piece.left, piece.top, width, height))
            frame = to_frame(_look_closer(area.gray, contrast, piece))
            self._readings.append(Reading(kind * len(PARTS) + piece.part, frame, box))
        if not pieces:
            return not self._lines
        extent = pieces[0].extent
        is_remnant = ink.is_ruled and extent < _REMNANT_SHARE * max(contrast.shape)
        height, width = pieces[0].ink.shape
        is_around = min(height / contrast.shape[0], width / contrast.shape[1]) >= _AROUND_SHARE
        return is_remnant or is_around or ink.has_rectangle(extent)

    def _read_lines(self, area: _Area, ink: InkMask) -> bool:
        """Read the lines of digits; return whether none of the ink can be one digit."""
        if sum(len(line.columns) for line in self._lines) > MAX_COLUMNS // 2:
            return False  # so that all views together are bounded
        before = len(self._lines)
        try:
            for lines in find_views(ink, self._layout):
                self._lines += [self._in_image(line, area) for line in lines]
                self._view_count += 1
        except CrowdedError:
            # Elsewhere, grain may be what there is so much of.
            self._is_crowded |= ink.contrast.is_even
        is_said_to_be_one = self._layout == Layout.DIGIT
        return not is_said_to_be_one and any(are_several(line) for line in self._lines[before:])

    def _in_image(self, line: Line, area: _Area) -> Line:
        """Return a line of an area as one of the image."""
        height, width = self._gray.shape
        return line._replace(
            columns=line.columns * area.scale + area.left,
            top=line.top * area.scale + area.top,
            scale=line.scale * area.scale,
            image_size=(width, height),
            view=self._view_count,
        )

    def _place(self, area: _Area, box: Box) -> Box:
        """Return a box of an area in pixels of the image."""
        left, top, width, height = box
        scale, (rows, columns) = area.scale, self._gray.shape
        x = max(0, math.floor(left * scale + area.left))
        y = max(0, math.floor(top * scale + area.top))
        right = min(columns, math.ceil((left + width) * scale + area.left))
        bottom = min(rows, math.ceil((top + height) * scale + area.top))
        return (x, y, max(1, right - x), max(1, bottom - y))

    def _read_all(self, gray: NDArray[np.uint8], two_levels: TwoLevels) -> None:
        """Read a digit that touches the image's edges: all that is dark or all that is light."""
        dark, light = two_levels.dark, two_levels.light
        if light - dark < _MIN_GLOBAL_CONTRAST:
            return
        darkness = (light - np.arange(256)) / (light - dark)
        for kind, share in ((ALL_DARK, darkness), (ALL_LIGHT, 1 - darkness)):
            ink = cv2.LUT(gray, np.clip(1.25 * share - 0.125, 0, 1).astype(np.float32))
            left, top, width, height = cv2.boundingRect((ink > 0.5).view(np.uint8))
            if min(width / gray.shape[1], height / gray.shape[0]) >= _TIGHT_SHARE:
                frame = to_frame(ink[top : top + height, left : left + width])
                box = self._place(self._area(gray), (left, top, width, height))
                self._readings.append(Reading(kind * len(PARTS), frame, box))


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
    ink = find_ink(closer)
    pieces = find_pieces(ink) if ink else []
    return pieces[0].ink if pieces else piece.ink
