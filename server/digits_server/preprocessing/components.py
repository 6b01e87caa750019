"""Which components of a mask may be a digit together, and which are lines or frames."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from .ground import Contrast

Flags = NDArray[np.bool_]
Column = NDArray[np.float64]

MAIN, CORE, FRAME = range(3)
"""What a group of components is: a digit, the part of it that is sure, or a frame around it."""

# Grain and texture make many specks of a size. A digit among them has so many times their ink.
SPECK_COUNT: Final = 8
_SPECK_FACTOR: Final = 6.0
# Shares of the image's longer side: a line at the edge is at least so long and at most so wide,
# as upright and otherwise.
_LINE_LENGTH: Final = 0.3
_LINE_WIDTH: Final = 0.08
_SLANTED_WIDTH: Final = 0.12
# The share of the image's width or height that a line spans.
_LINE_SPAN: Final = 0.9
# A frame has at most so much ink in its box, and something of so much of its extent in it.
_FRAME_FILL: Final = 0.35
_MIN_INSIDE: Final = 0.25


class Components(NamedTuple):
    """Measures of N components of a mask; each column is (N,)."""

    left: Column
    top: Column
    right: Column
    bottom: Column
    pixels: Column
    """Number of pixels."""
    ink: Column
    """Total contrast."""
    is_at_edge: Flags
    """Whether it touches the edge of the image."""
    is_line: Flags
    """Whether it looks like a line at the edge of the image, or like a border."""
    is_frame: Flags
    """Whether it looks like a frame around other components."""

    @classmethod
    def measure(
        cls, labels: MatLike, boxes: MatLike, pixels: Column, ink: Column, contrast: Contrast
    ) -> "Components":
        """Measure components.

        Args:
            labels: (h, w) the number of each pixel's component, from 1; 0 is the ground.
            boxes: (N, 4) left, top, width and height of each component.
            pixels: (N,) number of pixels of each.
            ink: (N,) total contrast of each.
            contrast: The contrast that they were found in.
        """
        left, top, width, height = boxes.T.astype(np.float64)
        left, top = left + contrast.left, top + contrast.top
        right, bottom = left + width, top + height
        none = np.zeros(len(ink), bool)
        components = cls(left, top, right, bottom, pixels, ink, none, none, none)
        edges = components._count_edges(contrast.shape)
        is_line = components._find_lines(labels, edges, contrast)
        is_frame = components._find_frames() & ~is_line
        return components._replace(is_at_edge=edges > 0, is_line=is_line, is_frame=is_frame)

    @property
    def width(self) -> Column:
        """The width of each box."""
        return self.right - self.left

    @property
    def height(self) -> Column:
        """The height of each box."""
        return self.bottom - self.top

    @property
    def extent(self) -> Column:
        """The longer side of each box."""
        return np.maximum(self.width, self.height)

    @property
    def darkness(self) -> Column:
        """The mean contrast of each."""
        return self.ink / self.pixels

    def gap_to(self, index: int) -> Column:
        """Return the larger of the horizontal and the vertical gap between each box and one."""
        gaps = (
            self.left - self.right[index],
            self.left[index] - self.right,
            self.top - self.bottom[index],
            self.top[index] - self.bottom,
        )
        return np.asarray(np.max(gaps, axis=0), np.float64)

    def _count_edges(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        """Return the number of the image's edges that each touches."""
        height, width = shape
        touches = (self.left <= 0, self.top <= 0, self.right >= width, self.bottom >= height)
        return np.asarray(np.sum(touches, axis=0), np.intp)

    def _find_lines(self, labels: MatLike, edges: NDArray[np.intp], contrast: Contrast) -> Flags:
        side, extent = max(contrast.shape), self.extent
        is_thin = np.minimum(self.width, self.height) <= max(2.0, _LINE_WIDTH * side)
        is_long = (edges >= 1) & (extent >= _LINE_LENGTH * side)
        widest = _SLANTED_WIDTH * side
        may_slant = self.pixels <= (widest + 2) * (np.hypot(self.width, self.height) + 2)
        for index in np.flatnonzero(is_long & ~is_thin & may_slant):
            left, top = int(self.left[index]) - contrast.left, int(self.top[index]) - contrast.top
            rows = slice(top, top + int(self.height[index]))
            columns = slice(left, left + int(self.width[index]))
            piece = (labels[rows, columns] == index + 1).view(np.uint8)
            outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            _, size, _ = cv2.minAreaRect(outlines[0])
            is_thin[index] = min(size) <= widest
        spans_height = self.height >= _LINE_SPAN * contrast.shape[0]
        spans_width = self.width >= _LINE_SPAN * contrast.shape[1]
        is_line = is_thin & (is_long | spans_height | spans_width)
        is_border = (edges >= 3) | (spans_height & spans_width)
        return np.asarray(is_line | is_border)

    def _find_frames(self) -> Flags:
        left, top, right, bottom, extent = *self[:4], self.extent
        is_frame = np.zeros(len(left), bool)
        for index in np.flatnonzero(self.pixels < _FRAME_FILL * self.width * self.height):
            # A frame may be open at the top, like a box of a form.
            is_inside = (
                (left > left[index])
                & (right < right[index])
                & (bottom < bottom[index])
                & (bottom > top[index])
            )
            is_frame[index] = bool((is_inside & (extent >= _MIN_INSIDE * extent[index])).any())
        return is_frame

    def groups(self) -> list[tuple[int, Flags]]:
        """Return the kind, and which components belong to it, (N,), of each group."""
        least = 0.0
        if len(self.ink) > SPECK_COUNT:
            least = _SPECK_FACTOR * float(np.median(self.ink))
        # A component at the edge is the digit only if nothing else is, and so is a frame.
        weight = np.where(self.is_frame, 0.02, np.where(self.is_at_edge, 0.5, 1.0))
        main = int(np.argmax(self.ink * weight * ~self.is_line))
        if self.is_line[main] or self.ink[main] < least:
            return []
        belongs = self._around(main)
        groups = [(FRAME if self.is_frame[main] else MAIN, belongs)]
        is_doubtful = belongs & self._is_doubtful(int(np.argmax(self.ink * belongs)))
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
        width, height = self.width, self.height
        is_flat = (width >= 2 * height) & (width >= 0.5 * width[main])
        is_low = (height < 0.25 * height[main]) & (
            self.top >= self.bottom[main] - 0.1 * height[main]
        )
        return np.asarray(is_faint | (is_flat & is_low))


def mask_of(belongs: Flags, labels: MatLike) -> NDArray[np.uint8]:
    """Return the mask of some components.

    Args:
        belongs: (N,) which of the components.
        labels: (h, w) the number of each pixel's component, from 1; 0 is the ground.
    """
    table = np.concatenate(([False], belongs)).view(np.uint8)
    # In a third of the time that an index takes. OpenCV's type does not name the element type.
    return np.take(table, labels)  # type: ignore[arg-type]
