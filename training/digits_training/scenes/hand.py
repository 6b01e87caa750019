"""The ink of one digit: its strokes, the pen, and how the pen behaves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_client.draw.strokes import Stroke, draw_stroke
from digits_training.canvases import Points

Coverage = NDArray[np.float32]
"""Ink, from 0 for none to 1."""


class Ink(NamedTuple):
    """A digit on an image, or in its own box."""

    coverage: Coverage
    """(H, W)"""

    digit: Coverage
    """(h, w): the digit alone, cut to its box."""

    pen: float
    """Width of the lines in pixels."""


@dataclass(frozen=True)
class Hand:
    """One digit as one person writes it, at any size."""

    strokes: tuple[Points, ...]
    """Strokes, each (N, 2), in a box whose longer side is 1; none for a blank image."""

    pens: tuple[float, ...] = ()
    """Width of the pen for each stroke, as a share of the digit's longer side, in 0..0.5."""

    oversampling: int = 1
    """1 for the hard edges of a drawing program, above 1 for smooth ones."""

    outlines: tuple[float, ...] = ()
    """For hollow digits: the shares of the pen's width whose outlines are drawn."""

    line: float = 0.0
    """For hollow digits: width of the line as a share of the pen's."""

    unevenness: float = 0.0
    """0 for even ink, up to 1 for ink that is nearly missing in places."""

    seed: int = 0
    """Seed of the uneven ink."""

    least: int = 15
    """Size in pixels below which the digit cannot be read."""

    def write(self, height: float, width: float) -> Ink:
        """Return the digit in its box, as large as height x width pixels allow."""
        if not self.strokes:
            nothing = np.zeros((max(1, int(height)), max(1, int(width))), np.float32)
            return Ink(nothing, nothing, 1.0)
        extent = np.ptp(np.concatenate(self.strokes), axis=0)
        # The pen is a share of the size with the pen, so both are solved for together.
        widest = max(self.pens)
        scale = float(min(np.array([width, height]) / (extent + widest / (1 - widest))))
        pens = [max(1.0, pen / (1 - widest) * scale) for pen in self.pens]
        line = max(1.0, self.line * max(pens))
        masks = [
            self._draw([pen * share for pen in pens], scale, max(pens))
            for share in self.outlines or (1.0,)
        ]
        if self.outlines:
            masks = [self._outline(mask, line) for mask in masks]
        mask = np.maximum.reduce(masks)
        coverage = crop(_shrink(mask, self.oversampling))
        if self.unevenness:
            coverage = coverage * _patches(coverage.shape, self.unevenness, self.seed)
        return Ink(coverage, coverage, line if self.outlines else max(pens))

    def open_share(self, pen: float) -> float:
        """Return the share of ground in the digit's convex hull with a pen as in ``pens``."""
        drawn = replace(self, pens=(pen,) * len(self.strokes), oversampling=1)
        ink = (drawn.write(96, 96).coverage > 0.5).astype(np.uint8)
        hull = cv2.convexHull(cv2.findNonZero(ink))
        return 1 - float(ink.sum()) / max(1.0, cv2.contourArea(hull))

    def _draw(self, pens: Sequence[float], scale: float, margin: float) -> NDArray[np.uint8]:
        """Return the strokes with a margin, 255 on 0, enlarged by the oversampling."""
        scale, margin = scale * self.oversampling, (margin + 2) * self.oversampling
        points = np.concatenate(self.strokes)
        low = points.min(axis=0)
        width, height = np.ceil(np.ptp(points, axis=0) * scale + 2 * margin).astype(int).tolist()
        placed = [(stroke - low) * scale + margin for stroke in self.strokes]
        if self.oversampling == 1:
            page = Image.new("L", (width, height))
            for stroke, pen in zip(placed, pens, strict=True):
                draw_stroke(page, Stroke(tuple(map(tuple, stroke.tolist())), pen), ink=255)
            return np.asarray(page)
        mask = np.zeros((height, width), np.uint8)
        for stroke, pen in zip(placed, pens, strict=True):
            corners = np.rint(stroke * 16).astype(np.int32)
            thickness = max(1, round(pen * self.oversampling))
            cv2.polylines(mask, [corners], False, 255, thickness, cv2.LINE_8, 4)
        return mask

    def _outline(self, mask: NDArray[np.uint8], line: float) -> NDArray[np.uint8]:
        side = max(2, round(line * self.oversampling))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, kernel), np.uint8)


def _shrink(mask: NDArray[np.uint8], factor: int) -> Coverage:
    height, width = mask.shape
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


def crop(coverage: Coverage) -> Coverage:
    """Return the part that has ink, or one empty pixel."""
    ink = coverage > 0.1
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), np.float32)
    return coverage[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _patches(shape: tuple[int, ...], strength: float, seed: int) -> Coverage:
    """Return how much ink a dry pen leaves, from 1 - strength to 1."""
    cells = np.random.default_rng(seed).random((9, 7), dtype=np.float32)
    patches = cv2.resize(cells, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(1 - strength * np.clip(patches, 0, 1), np.float32)
