"""Scenes: images of digits as people really send them, drawn from pen strokes.

Training, evaluation and the evaluation report use them. The same strokes and the same state of
the random generator give the same scene.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_training.canvases import Points

from . import blanks, pages, surroundings, tones, transparency, writing
from .files import encode_pixels
from .hand import Hand
from .pages import Drawn, Pixels

__all__ = (
    "BLANK_KINDS",
    "SCENE_KINDS",
    "Scene",
    "draw_blank",
    "draw_scene",
    "encode",
    "encode_pixels",
)

Write = Callable[[Sequence[Points], np.random.Generator], Hand]
Draw = Callable[[Hand, np.random.Generator], Drawn]

_KINDS: Final[dict[str, tuple[Write, Draw]]] = {
    "plain": (writing.write, pages.draw_plain),
    "border": (writing.write, surroundings.draw_border),
    "cell": (writing.write, surroundings.draw_cell),
    "desk": (writing.write, surroundings.draw_desk),
    "letterbox": (writing.write, surroundings.draw_letterbox),
    "deep": (writing.write, tones.draw_deep),
    "color": (writing.write, tones.draw_color),
    "faint": (writing.write, tones.draw_faint),
    "alpha": (writing.write, transparency.draw_alpha),
    "shadow": (writing.write, tones.draw_shadow),
    "slashed": (writing.write_slashed, pages.draw_plain),
    "hollow": (writing.write_hollow, pages.draw_plain),
    "tight": (writing.write_tight, pages.draw_tight),
    "underlined": (writing.write, pages.draw_underlined),
    "small": (writing.write, pages.draw_small),
    "thick": (writing.write_thick, pages.draw_plain),
    "broken": (writing.write_broken, pages.draw_plain),
}

# The scenes of these kinds remain what they are without a digit.
_EMPTY_KINDS: Final = ("border", "cell", "desk", "letterbox", "deep", "color", "alpha", "shadow")

_PAGES: Final[dict[str, Callable[[np.random.Generator], NDArray[np.uint8]]]] = {
    "level": blanks.draw_level,
    "grain": blanks.draw_grain,
    "ruled": blanks.draw_ruled,
    "squared": blanks.draw_squared,
    "specks": blanks.draw_specks,
}

SCENE_KINDS: Final = tuple(_KINDS)
BLANK_KINDS: Final = (*_PAGES, *_EMPTY_KINDS)


class Scene(NamedTuple):
    """An image of a digit in its surroundings."""

    kind: str
    """One of SCENE_KINDS."""

    pixels: Pixels
    """(H, W) gray or (H, W, 3) RGB or (H, W, 4) RGBA uint8, or (H, W) uint16."""

    clean: NDArray[np.uint8]
    """(H', W') the same ink alone, dark on white: what an ideal reading sees."""

    with_lines: NDArray[np.uint8]
    """(H, W) the ink and the lines that it may touch, dark on white, where it is in the image."""


def draw_scene(kind: str, strokes: Sequence[Points], random: np.random.Generator) -> Scene:
    """Draw a digit in surroundings of a kind.

    Args:
        kind: One of SCENE_KINDS.
        strokes: Strokes, each (N, 2), in any unit; of a zero for the kind "slashed".
        random: Source of everything else.
    """
    write, draw = _KINDS[kind]
    pixels, ink = draw(write(strokes, random), random)
    margin = max(4, max(ink.digit.shape) // 5)
    clean = np.asarray(np.rint(255 - 255 * np.pad(ink.digit, margin)), np.uint8)
    with_lines = np.asarray(np.rint(255 - 255 * ink.coverage), np.uint8)
    return Scene(kind, pixels, clean, with_lines)


def draw_blank(kind: str, random: np.random.Generator) -> Pixels:
    """Draw an image without a digit.

    Args:
        kind: One of BLANK_KINDS.
        random: Source of everything else.

    Returns:
        Pixels as of a scene.
    """
    if kind in _PAGES:
        return _PAGES[kind](random)
    pixels, _ = _KINDS[kind][1](Hand(()), random)
    return pixels


def encode(scene: Scene, random: np.random.Generator) -> bytes:
    """Return a scene as an image file: PNG, for some kinds also TIFF or JPEG."""
    return encode_pixels(scene.kind, scene.pixels, random)
