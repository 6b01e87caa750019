"""Splitting a drawing of a number into a drawing of each digit. Does not use Tk."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image

from digits_client.results import Box

from .curves import draw_curve
from .drawing import Drawing
from .strokes import PAPER, Stroke

# Of the longer side of a digit's box.
_MARGIN_SHARE: Final = 0.25


class DigitDrawing(NamedTuple):
    """A drawing of one digit."""

    image: Image.Image
    strokes: tuple[Stroke, ...]
    """In pixels of the image; empty if the digit was cut out of a picture or out of a stroke."""


def split(drawing: Drawing, boxes: Sequence[Box]) -> list[DigitDrawing]:
    """Return the drawing of each digit, given where each is.

    A stroke belongs to the digit that its middle is nearest to. Where a stroke is part of several
    digits, they are cut out of the image.
    """
    image = drawing.image()
    if drawing.picture is not None:
        return [DigitDrawing(_crop(image, box), ()) for box in boxes]
    strokes: list[list[Stroke]] = [[] for _ in boxes]
    is_shared = [False] * len(boxes)
    for stroke in drawing.strokes:
        left, right = min(x for x, _ in stroke.points), max(x for x, _ in stroke.points)
        crossed = [
            index
            for index, box in enumerate(boxes)
            if left <= box.left + box.width / 2 <= right and not stroke.erases
        ]
        if len(crossed) > 1:
            for index in crossed:
                is_shared[index] = True
        if stroke.erases:
            for each in strokes:
                each.append(stroke)
        else:
            distances = [abs(box.left + box.width / 2 - (left + right) / 2) for box in boxes]
            strokes[distances.index(min(distances))].append(stroke)
    return [
        DigitDrawing(_crop(image, box), ()) if shared or not own else _redraw(own, box)
        for box, own, shared in zip(boxes, strokes, is_shared, strict=True)
    ]


def groups_of_strokes(drawing: Drawing) -> list[Box]:
    """Return a box around each group of strokes that have a gap between them, from the left."""
    spans = sorted(
        (
            min(x for x, _ in stroke.points) - stroke.width / 2,
            max(x for x, _ in stroke.points) + stroke.width / 2,
            min(y for _, y in stroke.points) - stroke.width / 2,
            max(y for _, y in stroke.points) + stroke.width / 2,
        )
        for stroke in drawing.strokes
        if not stroke.erases
    )
    groups: list[tuple[float, float, float, float]] = []
    for left, right, top, bottom in spans:
        if groups and left <= groups[-1][1]:
            first, last, high, low = groups.pop()
            groups.append((first, max(last, right), min(high, top), max(low, bottom)))
        else:
            groups.append((left, right, top, bottom))
    return [
        Box(round(left), round(top), round(right - left), round(bottom - top))
        for left, right, top, bottom in groups
    ]


def _square(box: Box) -> tuple[int, int, int]:
    """Return the left, the top and the side of a square around a box with a margin."""
    side = round(max(box.width, box.height) * (1 + 2 * _MARGIN_SHARE))
    return box.left - (side - box.width) // 2, box.top - (side - box.height) // 2, side


def _redraw(strokes: Sequence[Stroke], box: Box) -> DigitDrawing:
    left, top, side = _square(box)
    moved = tuple(
        Stroke(tuple((x - left, y - top) for x, y in each.points), each.width, each.erases)
        for each in strokes
    )
    image = Image.new("L", (side, side), PAPER)
    for stroke in moved:
        draw_curve(image, stroke)
    return DigitDrawing(image, moved)


def _crop(image: Image.Image, box: Box) -> Image.Image:
    margin = round(max(box.width, box.height) * _MARGIN_SHARE)
    right, bottom = box.left + box.width + margin, box.top + box.height + margin
    return image.crop(
        (
            max(0, box.left - margin),
            max(0, box.top - margin),
            min(image.width, right),
            min(image.height, bottom),
        )
    )
