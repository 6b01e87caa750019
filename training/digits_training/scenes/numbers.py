"""Numbers of several digits by one writer: spaced, touching, small, on lined paper, in cells..."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_training.canvases import Points

from .hand import Coverage, Hand
from .pages import draw_line
from .paper import Shape, blend, random_tones, to_bytes, wear

NUMBER_KINDS: Final = (
    *("spaced", "touching", "sloped", "ruled", "squared", "cells"),
    *("small", "thick"),
)
# For training only: further over each other than people write, and often with a thick pen.
OVERLAPPING: Final = "overlapping"

# Least and most space between two digits, as a share of their height.
_GAPS: Final = {"touching": (-0.15, 0.1), "cells": (0.3, 0.3), OVERLAPPING: (-0.25, 0.1)}
_USUAL_GAPS: Final = (0.15, 0.6)
# Least and greatest height of the digits, in pixels.
_HEIGHTS: Final = {"small": (8, 26)}
_USUAL_HEIGHTS: Final = (28, 120)
# Least and greatest width of the pen, as a share of the height, and the least in pixels.
_PENS: Final = {"small": (0.08, 0.2), "thick": (0.13, 0.24), OVERLAPPING: (0.05, 0.2)}
_USUAL_PENS: Final = (0.05, 0.13)
_LEAST_PENS: Final = {"small": 1.0}
_USUAL_LEAST_PEN: Final = 1.5
# What makes scanned digits thick: a pixel more on each side.
_WIDER: Final = np.ones((3, 3), np.uint8)
# Smooth edges, as of a pen on paper.
_OVERSAMPLING: Final = 4


class NumberScene(NamedTuple):
    """An image of a number."""

    kind: str
    """One of NUMBER_KINDS."""
    pixels: NDArray[np.uint8]
    """(H, W) gray."""
    boxes: NDArray[np.intp]
    """(N, 4) left, top, width and height of each digit, from left to right."""
    inks: NDArray[np.uint8]
    """(N, H, W) the ink of each digit alone, 255 on 0, where it is in the image."""


class _Written(NamedTuple):
    """A digit of a number."""

    coverage: Coverage
    top: int
    """Row of its box, from the top of the tallest digit."""


class _Line(NamedTuple):
    """The digits of a number on an otherwise empty page."""

    coverage: Coverage
    """(H, W)"""
    boxes: NDArray[np.intp]
    inks: NDArray[np.uint8]
    pen: float
    height: int
    """Height of the digits, about, in pixels."""


def draw_number(
    kind: str, digits: Sequence[Sequence[Points]], random: np.random.Generator
) -> NumberScene:
    """Draw a number.

    Args:
        kind: One of NUMBER_KINDS.
        digits: The strokes of each digit, each stroke (N, 2) in any unit, by one writer.
        random: Source of everything else.
    """
    height = _random_height(kind, random)
    pen = height * random.uniform(*_PENS.get(kind, _USUAL_PENS))
    pen = max(_LEAST_PENS.get(kind, _USUAL_LEAST_PEN), pen)
    return _draw(
        kind, [_write(strokes, height, pen, random) for strokes in digits], height, pen, random
    )


def compose_number(
    kind: str, digits: NDArray[np.uint8], random: np.random.Generator
) -> NumberScene:
    """Draw a number of scanned digits.

    Args:
        kind: As for ``draw_number``.
        digits: (N, H, W) the digits, ink 255 on 0.
        random: Source of everything else.
    """
    height = _random_height(kind, random)
    shear = random.uniform(-0.25, 0.25)
    if kind == "thick":
        digits = np.stack([cv2.dilate(digit, _WIDER) for digit in digits])
    written = [_copy(digit, height, shear, random) for digit in digits]
    return _draw(kind, written, height, 0.1 * height, random)


def _random_height(kind: str, random: np.random.Generator) -> int:
    least, most = _HEIGHTS.get(kind, _USUAL_HEIGHTS)
    return round(float(np.exp(random.uniform(np.log(least), np.log(most)))))


def _draw(
    kind: str, written: Sequence[_Written], height: int, pen: float, random: np.random.Generator
) -> NumberScene:
    line = _place(written, _gaps(kind, written, height, random), kind, height, pen, random)
    tones = random_tones(random, 0.55)
    lines = _print_lines(kind, line, random)
    printed = blend(tones.ground, tones.ground * random.uniform(0.35, 0.85), lines)
    image = blend(printed, tones.ink, line.coverage)
    pixels = to_bytes(wear(image, pen, tones.contrast, random), random, 0.15)
    return NumberScene(kind, pixels, line.boxes, line.inks)


def _write(
    strokes: Sequence[Points], height: int, pen: float, random: np.random.Generator
) -> _Written:
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-6)
    tall = height * random.uniform(0.88, 1.1)
    # A dash that is written for a digit stays a dash.
    side = min(tall * max(1.0, extent[0] / extent[1]), 1.6 * tall)
    unit = [(stroke - low) / extent.max() for stroke in strokes]
    hand = Hand(
        tuple(unit), (min(0.45, pen / side),) * len(unit), oversampling=_OVERSAMPLING, least=1
    )
    coverage = hand.write(side, side).coverage
    return _Written(coverage, round((height - len(coverage)) * random.uniform(0.2, 1)))


def _copy(
    digit: NDArray[np.uint8], height: int, shear: float, random: np.random.Generator
) -> _Written:
    """Return a scanned digit, sheared, and as high as a written one."""
    x, y, width, rows = cv2.boundingRect((digit > 64).view(np.uint8))
    tall = height * random.uniform(0.88, 1.1)
    scale = min(tall / rows, 1.6 * tall / width)
    size = max(2, round(width * scale)), max(2, round(rows * scale))
    ink = cv2.resize(digit[y : y + rows, x : x + width], size, interpolation=cv2.INTER_CUBIC)
    lean = np.array([[1, -shear, max(0.0, shear) * size[1]], [0, 1, 0]], np.float32)
    ink = cv2.warpAffine(ink, lean, (size[0] + round(abs(shear) * size[1]), size[1]))
    columns = np.flatnonzero(ink.max(axis=0) > 64)
    coverage = ink[:, columns[0] : columns[-1] + 1].astype(np.float32) / np.float32(255)
    return _Written(coverage, round((height - len(coverage)) * random.uniform(0.2, 1)))


def _gaps(
    kind: str, written: Sequence[_Written], height: int, random: np.random.Generator
) -> list[int]:
    """Return the space before each digit, in pixels, below 0 where boxes overlap."""
    least, most = _GAPS.get(kind, _USUAL_GAPS)
    gaps = random.uniform(least, most, len(written)) * height
    return [0, *np.rint(gaps[1:]).astype(int).tolist()]


def _place(
    written: Sequence[_Written],
    gaps: Sequence[int],
    kind: str,
    height: int,
    pen: float,
    random: np.random.Generator,
) -> _Line:
    rise = random.uniform(-0.12, 0.12) if kind == "sloped" else random.uniform(-0.01, 0.01)
    widths = [each.coverage.shape[1] for each in written]
    if kind == "cells":  # each in the middle of a cell of its own
        cell = max([*widths, round(0.8 * height)]) + gaps[-1]
        lefts = [index * cell + (cell - width) // 2 for index, width in enumerate(widths)]
    else:
        ends = np.cumsum(np.add(widths, gaps))
        lefts = (ends - widths).tolist()
    tops = [each.top + round(rise * left) for each, left in zip(written, lefts, strict=True)]
    margin = round(height * random.uniform(0.3, 0.8) + pen)
    low = np.min([lefts, tops], axis=1) - margin
    boxes = np.array(
        [
            (left - low[0], top - low[1], each.coverage.shape[1], len(each.coverage))
            for each, left, top in zip(written, lefts, tops, strict=True)
        ]
    )
    width, rows = ((boxes[:, :2] + boxes[:, 2:]).max(axis=0) + margin).tolist()
    inks = np.zeros((len(written), rows, width), np.uint8)
    for ink, each, (left, top, wide, tall) in zip(inks, written, boxes.tolist(), strict=True):
        ink[top : top + tall, left : left + wide] = np.rint(255 * each.coverage)
    coverage = inks.max(axis=0).astype(np.float32) / np.float32(255)
    return _Line(coverage, boxes, inks, pen, height)


def _print_lines(kind: str, line: _Line, random: np.random.Generator) -> Coverage:
    """Return the lines that are printed on the page."""
    shape: Shape = (line.coverage.shape[0], line.coverage.shape[1])
    lines = np.zeros(shape, np.float32)
    width = max(1.0, line.height * random.uniform(0.01, 0.04))
    bottom = int((line.boxes[:, 1] + line.boxes[:, 3]).max())
    if kind == "cells":
        _print_cells(lines, line, width)
    if kind == "ruled":
        distance = line.height * random.uniform(1.1, 1.8)
        start = bottom + line.height * random.uniform(-0.1, 0.15)
        for y in np.arange(start % distance, shape[0], distance).tolist():
            draw_line(lines, (0, y), (shape[1], y), width)
    if kind == "squared":
        distance = line.height * random.uniform(0.35, 1.1)
        for y in np.arange(random.uniform(0, distance), shape[0], distance).tolist():
            draw_line(lines, (0, y), (shape[1], y), width)
        for x in np.arange(random.uniform(0, distance), shape[1], distance).tolist():
            draw_line(lines, (x, 0), (x, shape[0]), width)
    return lines


def _print_cells(lines: Coverage, line: _Line, width: float) -> None:
    left, top, wide, tall = line.boxes.T
    centers = left + wide / 2
    cell = float(np.diff(centers).mean()) if len(centers) > 1 else float(wide[0] * 1.5)
    above, below = float(top.min() - 0.15 * line.height), float((top + tall).max())
    below += 0.15 * line.height
    edges = [*(centers - cell / 2), float(centers[-1] + cell / 2)]
    for x in edges:
        draw_line(lines, (x, above), (x, below), width)
    for y in (above, below):
        draw_line(lines, (edges[0], y), (edges[-1], y), width)
