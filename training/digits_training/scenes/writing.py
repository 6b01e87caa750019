"""Ways to write a digit: pens, slashed and barred zeros, hollow digits, pens that skip."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from digits_training.canvases import Points, random_affine

from .hand import Hand

# Distance of the points along a stroke that is cut, as a share of the digit's longer side.
_STEP: Final = 0.01
# A pen that leaves open what people leave open, and those that may not.
_THIN_PEN: Final = 0.06
_LEAST_THICK_PEN: Final = 0.13
_THICK_PEN: Final = 0.16


def write(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return a digit with a pen of 3 to 30 % of its size, mostly 5 to 16 %."""
    return _with_pen(_shape(strokes, random), _usual_pen(random), random)


def write_thick(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return a digit with a pen of 16 to 30 % of its size."""
    return _with_pen(_shape(strokes, random), _THICK_PEN + 0.14 * random.beta(1, 1.6), random)


def write_tight(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return a digit with a usual pen or a thick one."""
    return (write_thick if random.random() < 0.4 else write)(strokes, random)


def write_slashed(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return a zero with a slash or a bar: within the ring, to its corners, or beyond it."""
    zero = _shape(strokes, random)
    if random.random() < 0.35:
        zero = _normalize([stroke * (random.uniform(0.5, 0.9), 1) for stroke in zero])
    points = np.concatenate(zero)
    half = np.ptp(points, axis=0) / 2
    middle = points.min(axis=0) + half + random.normal(0, 0.02, 2)
    if random.random() < 0.12:  # a bar across
        reach, direction = random.uniform(0.75, 1.4), np.array((1.0, random.uniform(-0.15, 0.15)))
    else:
        # 0.7 of the box's diagonal is the ring itself.
        reach = random.choice(
            (random.uniform(0.5, 0.7), random.uniform(0.7, 1), random.uniform(1, 1.35))
        )
        direction = np.array((random.choice((1, -1), p=(0.8, 0.2)), -random.uniform(0.75, 1.1)))
    end = half * direction * reach
    bend = np.array((end[1], -end[0])) * random.normal(0, 0.05)
    t = np.linspace(-1, 1, 12)[:, None]
    slash = middle + t * end + (1 - t**2) * bend
    strokes_with_slash = _normalize([*zero, slash])
    # A slash fills a zero that is narrow or written with a thick pen.
    pen = min(_usual_pen(random), 0.22 * 2 * float(half.min()))
    hand = _with_pen(strokes_with_slash, pen, random)
    thinner = (*hand.pens[:-1], hand.pens[-1] * random.uniform(0.7, 1))
    return replace(hand, pens=thinner, least=22)


def write_hollow(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return the outline of a digit, drawn with a thin pen; sometimes two outlines."""
    hand = _with_pen(_shape(strokes, random), random.uniform(0.1, 0.3), random)
    outlines = (1.0, random.uniform(0.4, 0.65)) if random.random() < 0.12 else (1.0,)
    line = random.uniform(0.03, 0.14 if len(outlines) > 1 else 0.28)
    return replace(
        hand, outlines=outlines, line=line, oversampling=max(2, hand.oversampling), least=60
    )


def write_broken(strokes: Sequence[Points], random: np.random.Generator) -> Hand:
    """Return a digit by a pen that skips: gaps, strokes apart, uneven ink, light strokes."""
    pen = random.uniform(0.03, 0.16)
    written = _shape(strokes, random)
    ways = random.random(4) < (0.75, 0.4, 0.35, 0.3)
    if not ways.any():
        ways[0] = True
    if ways[1] and len(written) > 1:
        written = [stroke + random.normal(0, 0.05, 2) for stroke in written]
    if ways[0]:
        written = [piece for stroke in written for piece in _skip(stroke, pen, random)]
    digit = _with_pen(_normalize(written), pen, random)
    if ways[2]:
        digit = replace(digit, pens=tuple(pen * random.uniform(0.25, 1.6) for pen in digit.pens))
    if ways[3] or not (ways[0] or ways[2]):
        uneven, seed = random.uniform(0.4, 0.85), int(random.integers(2**31))
        digit = replace(digit, unevenness=uneven, seed=seed)
    return digit


def _usual_pen(random: np.random.Generator) -> float:
    low, high = ((0.05, 0.16), (0.03, 0.05), (0.16, 0.3))[random.choice(3, p=(0.75, 0.13, 0.12))]
    return float(random.uniform(low, high))


def _shape(strokes: Sequence[Points], random: np.random.Generator) -> list[Points]:
    """Return the strokes as written, or slanted and stretched a little."""
    matrix = np.eye(2) if random.random() < 0.4 else random_affine(random)
    return _normalize([stroke @ matrix.T for stroke in strokes])


def _normalize(strokes: Sequence[Points]) -> list[Points]:
    """Return the strokes in a box whose longer side is 1."""
    points = np.concatenate(strokes)
    low, size = points.min(axis=0), max(float(np.ptp(points, axis=0).max()), 1e-6)
    return [(stroke - low) / size for stroke in strokes]


def _with_pen(strokes: Sequence[Points], pen: float, random: np.random.Generator) -> Hand:
    """Return a digit by a pen, which is thinner where a thick one would fill the digit."""
    hand = Hand(tuple(strokes), (pen,) * len(strokes), int(random.choice((1, 2, 4))))
    if pen > _LEAST_THICK_PEN:
        open_share = hand.open_share(_THIN_PEN)
        # A straight one is open nowhere, and readable with any pen.
        while open_share > 0.3 and pen > _LEAST_THICK_PEN:
            if hand.open_share(pen) > 0.3 * open_share:
                break
            pen *= 0.9
    return replace(hand, pens=(pen,) * len(strokes))


def _skip(stroke: Points, pen: float, random: np.random.Generator) -> list[Points]:
    """Return the pieces of a stroke between the places where the pen skips."""
    steps = np.linalg.norm(np.diff(stroke, axis=0), axis=1)
    distance = np.concatenate(([0.0], np.cumsum(steps)))
    length = float(distance[-1])
    at = np.arange(0, length, _STEP)
    if len(at) < 2:
        return [stroke]
    points = np.stack([np.interp(at, distance, stroke[:, axis]) for axis in (0, 1)], axis=1)
    kept = np.ones(len(at), bool)
    for _ in range(1 + random.poisson(1.2 * length)):
        # The round ends of the pieces take up the width of the pen.
        gap = pen + random.uniform(0.01, 0.07)
        start = random.uniform(0.05, 0.95) * length
        kept[(at > start) & (at < start + gap)] = False
    if kept.mean() < 0.65:
        return [stroke]
    edges = np.flatnonzero(np.diff(kept.astype(int))) + 1
    pieces = zip(np.split(points, edges), np.split(kept, edges), strict=True)
    return [piece for piece, is_kept in pieces if is_kept[0]]
