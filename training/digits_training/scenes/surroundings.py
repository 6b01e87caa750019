"""Surroundings of a page: borders, printed cells, bars, desks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .hand import Coverage, Hand, Ink, crop
from .pages import Drawn, draw_line
from .paper import (
    Box,
    Levels,
    Shape,
    blend,
    fill_polygon,
    grain,
    lay,
    random_shape,
    random_tones,
    slope,
    to_bytes,
    wear,
)


def draw_border(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit within a line along the edge of the image, on all sides, three or two."""
    shape = random_shape(random, 28)
    side = min(shape)
    thick = max(
        1,
        round(
            side
            * (random.uniform(0.004, 0.03) if random.random() < 0.6 else random.uniform(0.03, 0.12))
        ),
    )
    inset = 0 if random.random() < 0.65 else int(random.integers(1, 2 + side // 40))
    sides = random.permutation(4)[: random.choice((4, 3, 2), p=(0.7, 0.18, 0.12))]
    margin = thick + inset + 1
    ink = lay(hand, shape, random, Box.inside(shape, margin), (0.5, 0.92))
    tones = random_tones(random)
    level = _other_level(tones.ground, random)
    border = np.zeros(shape, np.float32)
    for number in sides.tolist():
        # The lines of a cell cut from a form differ in strength.
        strength = 1.0 if random.random() < 0.7 else random.uniform(0.5, 1)
        edge = np.rot90(border, number)[inset : inset + thick, inset : -inset or None]
        np.maximum(edge, strength, out=edge)
    if random.random() < 0.2:
        border = np.asarray(cv2.GaussianBlur(border, (0, 0), random.uniform(0.3, 0.8)), np.float32)
    image = blend(blend(tones.ground, level, border), tones.ink, ink.coverage)
    return to_bytes(wear(image, ink.pen, tones.contrast, random), random), ink


def draw_cell(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit in a printed box with margin around it, or in a field of boxes."""
    shape = random_shape(random, 48)
    height, width = shape
    tall, wide = (round(side * random.uniform(0.5, 0.9)) for side in shape)
    if random.random() < 0.5:
        tall = wide = min(tall, wide)
    top, left = (
        round((height - tall) * random.uniform(0.15, 0.85)),
        round((width - wide) * random.uniform(0.15, 0.85)),
    )
    line = max(1.0, min(shape) * random.uniform(1, 4) / 300)
    cell = np.zeros(shape, np.float32)
    first, last = (1, 1) if random.random() < 0.5 else random.integers(0, 3, 2).tolist()
    is_comb = random.random() < 0.15
    start, end = left - (first > 1) * 3 * wide, left + wide + (last > 1) * 3 * wide
    for x in (np.arange(-3, 5) * wide + left).tolist():
        if start <= x <= end:
            draw_line(cell, (x, top + (tall * 0.6 if is_comb else 0)), (x, top + tall), line)
    for y in (top, top + tall)[is_comb:]:
        draw_line(cell, (start, y), (end, y), line)
    if random.random() < 0.3:
        cell = _rotate(cell, random.uniform(-3, 3))
    touch = round(0.04 * tall) if random.random() < 0.2 else -round(line) - 1
    room = Box(top - touch, left - touch, tall + 2 * touch, wide + 2 * touch)
    ink = lay(hand, shape, random, room, (0.85, 1) if touch > 0 else (0.5, 0.9))
    tones = random_tones(random, 0.55)
    level = tones.ground * random.uniform(0, 0.75)
    page = np.full(shape, tones.ground, np.float32)
    if random.random() < 0.25:  # the form is tinted, its cells are not
        page *= random.uniform(0.75, 0.97)
        page[max(0, top) : top + tall, max(0, round(start)) : round(end)] = tones.ground
    image = blend(blend(page, level, cell), tones.ink, ink.coverage)
    return to_bytes(wear(image, ink.pen, tones.contrast, random), random, 0.15), ink


def draw_letterbox(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a digit between bars of another color: above and below, left and right, or around."""
    shape = random_shape(random, 28)
    bars = np.zeros(4)  # top, bottom, left, right
    way = random.choice(3, p=(0.42, 0.42, 0.16))
    # A narrow strip without a digit would be a one.
    most = 0.35 if hand.strokes else 0.2
    pair = ((0, 1), (2, 3), (0, 1, 2, 3))[way]
    bars[list(pair)] = random.uniform(0.05, most if way < 2 else 0.25)
    if random.random() < 0.4:
        bars *= random.uniform(0, 1, 4)
    limit = max(0.0, 1 - 20 / min(shape)) / 2
    high, low, left, right = (np.minimum(bars, limit) * np.repeat(shape, 2)).astype(int).tolist()
    if high + low + left + right == 0:
        high = low = left = right = 1
    box = Box(high, left, shape[0] - high - low, shape[1] - left - right)
    margin = Box(box.top + 1, box.left + 1, box.height - 2, box.width - 2)
    ink, tones = lay(hand, shape, random, margin, (0.5, 0.92)), random_tones(random)
    page = np.ones(shape, np.float32)
    page[box.top : box.top + box.height, box.left : box.left + box.width] = 0
    content = wear(blend(tones.ground, tones.ink, ink.coverage), ink.pen, tones.contrast, random)
    return to_bytes(blend(content, _other_level(tones.ground, random), page), random, 0.35), ink


def draw_desk(hand: Hand, random: np.random.Generator) -> Drawn:
    """Draw a light sheet on a darker desk, turned or seen at an angle; or a board on a wall."""
    shape = random_shape(random, 64, 1000 if random.random() < 0.2 else 500)
    height, width = shape
    share = np.sqrt(random.uniform(0.35, 0.9))
    tall, wide = (
        min(0.98, share * random.uniform(0.9, 1.1)) * height,
        min(0.98, share * random.uniform(0.9, 1.1)) * width,
    )
    # Sometimes the sheet reaches the edge of the image.
    at = random.uniform(0, 1, 2) if random.random() < 0.8 else random.choice((-0.3, 0.5, 1.3), 2)
    top, left = (np.array((height - tall, width - wide)) * at).tolist()
    flat = np.array(
        [[left, top], [left + wide, top], [left + wide, top + tall], [left, top + tall]], np.float32
    )
    seen = flat
    if random.random() < 0.65:
        seen = _turn(flat, random.uniform(-12, 12))
    if random.random() < 0.4:
        seen = seen + random.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * min(shape)
    # The digit stays within the sheet and the image.
    low = np.maximum((left, top), 0) + 1
    high = np.minimum((left + wide, top + tall), (width, height)) - 1
    room = Box(int(low[1]), int(low[0]), int(high[1] - low[1]), int(high[0] - low[0]))
    inner = Box(
        room.top + room.height // 12,
        room.left + room.width // 12,
        room.height * 5 // 6,
        room.width * 5 // 6,
    )
    ink, tones = lay(hand, shape, random, inner, (0.35, 0.9)), random_tones(random, 0.5)
    matrix = cv2.getPerspectiveTransform(flat, np.asarray(seen, np.float32))
    sheet = fill_polygon(shape, seen)
    coverage = np.asarray(cv2.warpPerspective(ink.coverage, matrix, (width, height)), np.float32)
    desk = _desk(shape, tones.ground, random)
    if random.random() < 0.3:  # the sheet's shadow
        fallen = fill_polygon(shape, seen + random.uniform((-0.03, 0), 0.03) * min(shape))
        fall = cv2.GaussianBlur(fallen, (0, 0), 0.015 * min(shape) + 0.5)
        desk = desk * (1 - 0.5 * np.asarray(fall, np.float32))
    image = blend(blend(desk, tones.ground, sheet), tones.ink, coverage * sheet)
    turned = Ink(coverage, crop(coverage), ink.pen)
    return to_bytes(wear(image, ink.pen, tones.contrast, random), random, 0.15), turned


def _desk(shape: Shape, sheet: float, random: np.random.Generator) -> Levels:
    """Return a plain, graded or textured desk that is darker than the sheet."""
    desk = np.full(shape, random.uniform(0, 0.7) * sheet, np.float32)
    if random.random() < 0.4:
        desk = desk * slope(shape, random, random.uniform(0.2, 0.8))
    if random.random() < 0.5:
        stretched = (
            max(1, shape[0] // int(random.integers(1, 4))),
            max(1, shape[1] // int(random.integers(1, 40))),
        )
        texture = cv2.resize(grain(stretched, random), shape[::-1], interpolation=cv2.INTER_LINEAR)
        desk = desk + np.asarray(texture, np.float32) * random.uniform(2, 14)
    return np.clip(desk, 0, 0.8 * sheet)


def _other_level(ground: float, random: np.random.Generator) -> float:
    """Return a level that differs from the ground: black, gray, or lighter than gray paper."""
    if random.random() < 0.4:
        return 0.0
    if ground < 215 and random.random() < 0.35:
        return 255.0
    return float(random.uniform(0, ground - 35))


def _rotate(coverage: Coverage, degrees: float) -> Coverage:
    height, width = coverage.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(coverage, matrix, (width, height)), np.float32)


def _turn(corners: NDArray[np.float32], degrees: float) -> NDArray[np.float32]:
    middle, angle = corners.mean(axis=0), np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray((corners - middle) @ np.array([[cos, sin], [-sin, cos]]) + middle, np.float32)
