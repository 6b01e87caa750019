"""Examples of ink that is not a digit: scribbles, several digits as one, and parts of digits."""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from digits_server.preprocessing.normalize import FRAME_SIZE

from . import fragments, scribbles
from .canvases import Points
from .drawn_examples import as_non_digits, draw_strokes, make_frames
from .examples import Examples, Frames
from .recordings import Recording

# Ink of at most this width, as a share of its height, passes for a 1.
_MAX_BAR_WIDTH: Final = 0.35
# Level above which a pixel of a frame counts as ink.
_MIN_INK: Final = 0.2 * 255


def from_scribbles(count: int, seed: int) -> Examples:
    """Draw shapes that are not digits, and normalize; blank frames are dropped."""
    return as_non_digits(make_frames(_draw_scribble, [None] * count, seed))


def from_joined(recordings: Sequence[Recording], count: int, seed: int) -> Examples:
    """Draw two or three digits as one, which is not a digit, and normalize.

    Without any digits to draw, there are no examples.
    """
    random = np.random.default_rng(seed)
    items = [
        [
            recordings[index].strokes
            for index in random.integers(0, len(recordings), 2 + (n % 4 == 0))
        ]
        for n in range(count if recordings else 0)
    ]
    return as_non_digits(make_frames(_draw_joined, items, seed))


def from_fragments(recordings: Sequence[Recording], count: int, seed: int) -> Examples:
    """Draw parts of digits, which are not digits, and normalize; bars are dropped.

    Without any digits to cut, there are no examples.
    """
    random = np.random.default_rng(seed)
    cut = [recording for recording in recordings if recording.label in fragments.CUT_DIGITS]
    indices = random.integers(0, max(1, len(cut)), count if cut else 0)
    items = [cut[index].strokes for index in indices]
    frames = make_frames(_draw_fragment, items, seed)
    is_bar = np.array([_is_bar(frame) for frame in frames], np.bool_)
    return as_non_digits(frames[~is_bar])


def _draw_scribble(_: None, random: np.random.Generator) -> Frames:
    return draw_strokes(scribbles.scribble(random), random)


def _draw_joined(digits: Sequence[Sequence[Points]], random: np.random.Generator) -> Frames:
    return draw_strokes(fragments.join(digits, random), random)


def _draw_fragment(strokes: Sequence[Points], random: np.random.Generator) -> Frames:
    parts = fragments.cut(strokes, random)
    return draw_strokes(parts, random) if parts else np.zeros((FRAME_SIZE, FRAME_SIZE), np.uint8)


def _is_bar(frame: Frames) -> bool:
    _, _, width, height = cv2.boundingRect((frame > _MIN_INK).view(np.uint8))
    return width < _MAX_BAR_WIDTH * height
