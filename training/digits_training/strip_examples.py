"""Examples of lines of digits: strips, as the server cuts them out of images, with their texts."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.search import find_readings
from digits_server.preprocessing.strips import Line

from .canvases import Points
from .examples import to_bytes
from .frame_jobs import run_jobs
from .other_hands import OtherHand
from .recordings import Recording
from .scene_examples import to_gray_pixels
from .scenes import BLANK_KINDS, draw_blank
from .scenes.numbers import OVERLAPPING, NumberScene, compose_number, draw_number
from .stroke_templates import write_digit

MOST_DIGITS: Final = 6
# How often each kind of scene is drawn. Touching digits are the hardest to read.
_KINDS: Final = (
    *("touching",) * 6,
    *(OVERLAPPING,) * 4,
    *("spaced", "sloped", "ruled", "squared", "cells", "small", "thick") * 2,
)
# So many numbers are by a hand that was not recorded, so many have digits of several writers, and
# so many have the forms that are taught in different countries.
_OTHER_HANDS_SHARE: Final = 0.7
_MIXED_SHARE: Final = 0.2
_TEMPLATES_SHARE: Final = 0.1
# So many images show one character only; so many characters are letters or signs, and in so many
# images all of them.
_SINGLE_SHARE: Final = 0.06
_SIGN_SHARE: Final = 0.05
_SIGNS_SHARE: Final = 0.06
# A character is in a strip if so much of its ink is, and not if at most so much is.
_MIN_SHOWN: Final = 0.6
_MAX_HIDDEN: Final = 0.25
_LEAST_INK: Final = 0.25
# Wider strips, in columns, are no examples, and of an image without writing so many at most.
_MAX_WIDTH: Final = 448
_MOST_BLANK: Final = 2


class StripExample(NamedTuple):
    """A strip with its text."""

    strip: NDArray[np.uint8]
    """(STRIP_HEIGHT, W), ink 255 on 0."""
    labels: tuple[int, ...]
    """The characters that it shows, from left to right: 0 to 9, or NOT_A_DIGIT."""


def from_recordings(
    digits: Sequence[Recording], signs: Sequence[Recording], count: int, seed: int
) -> list[StripExample]:
    """Draw numbers of 1 to MOST_DIGITS characters, most by one writer, and cut out their strips."""
    by_writer, random = writers_of(digits), np.random.default_rng(seed)
    all_digits = [list(digits)]
    items = []
    for _ in range(count):
        chance = random.random()
        chosen = choose_digits(all_digits if chance < _MIXED_SHARE else by_writer, random)
        if chance > 1 - _TEMPLATES_SHARE:
            chosen = [_write_template(each.character, random) for each in chosen]
        if random.random() < _SINGLE_SHARE:
            chosen = chosen[:1]
        share = 1.0 if random.random() < _SIGNS_SHARE else _SIGN_SHARE
        for index in np.flatnonzero(random.random(len(chosen)) < share).tolist() if signs else ():
            chosen[index] = signs[int(random.integers(len(signs)))]
        items.append((str(random.choice(_KINDS)), chosen))
    return [each for found in run_jobs(_read_number, items, seed) for each in found]


def from_digits(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], count: int, seed: int
) -> list[StripExample]:
    """Compose numbers of MNIST's images, (N, 28, 28), and cut out their strips."""
    random = np.random.default_rng(seed)
    items = []
    for _ in range(count):
        size = int(random.integers(2, MOST_DIGITS + 1))
        rows = random.integers(len(labels), size=size)
        items.append((str(random.choice(_KINDS)), images[rows], tuple(labels[rows].tolist())))
    return [each for found in run_jobs(_read_composed, items, seed) for each in found]


def from_blanks(count: int, seed: int) -> list[StripExample]:
    """Draw images without writing, and cut out what may be taken for lines of digits."""
    items = [BLANK_KINDS[number % len(BLANK_KINDS)] for number in range(count)]
    return [each for found in run_jobs(_read_blank_strips, items, seed) for each in found]


def writers_of(recordings: Sequence[Recording]) -> list[list[Recording]]:
    """Return the recordings of each writer, in the order of their names."""
    writers: dict[str, list[Recording]] = {}
    for each in recordings:
        writers.setdefault(each.writer, []).append(each)
    return [writers[name] for name in sorted(writers)]


def choose_digits(
    writers: Sequence[Sequence[Recording]], random: np.random.Generator
) -> list[Recording]:
    """Return 2 to MOST_DIGITS digits of one writer."""
    digits = writers[int(random.integers(len(writers)))]
    chosen = random.integers(len(digits), size=random.integers(2, MOST_DIGITS + 1))
    return [digits[index] for index in chosen]


def _write_template(character: str, random: np.random.Generator) -> Recording:
    return Recording(character, "templates", tuple(write_digit(int(character), random)))


def _read_number(
    item: tuple[str, Sequence[Recording]], random: np.random.Generator
) -> list[StripExample]:
    kind, recordings = item
    digits: list[Sequence[Points]] = [each.strokes for each in recordings]
    if random.random() < _OTHER_HANDS_SHARE:
        hand = OtherHand(random)
        digits = [hand.write(each.strokes, each.character) for each in recordings]
    return _strips(draw_number(kind, digits, random), [each.label for each in recordings])


def _read_composed(
    item: tuple[str, NDArray[np.uint8], tuple[int, ...]], random: np.random.Generator
) -> list[StripExample]:
    kind, images, labels = item
    return _strips(compose_number(kind, images, random), labels)


def _read_blank_strips(kind: str, random: np.random.Generator) -> list[StripExample]:
    lines = _find_lines(to_gray_pixels(draw_blank(kind, random)))
    strips = [to_bytes(line.strip) for line in lines if not _is_wide(line.strip)]
    return [StripExample(strip, ()) for strip in strips[:_MOST_BLANK]]


def _strips(scene: NumberScene, labels: Sequence[int]) -> list[StripExample]:
    found = []
    for line in _find_lines(scene.pixels):
        if _is_wide(line.strip):
            continue
        shown = [_shown_share(line, ink) for ink in scene.inks]
        if all(share >= _MIN_SHOWN or share <= _MAX_HIDDEN for share in shown):
            text = [label for label, share in zip(labels, shown, strict=True) if share > 0.5]
            found.append(StripExample(to_bytes(line.strip), tuple(text)))
    return found


def _is_wide(strip: NDArray[np.float32]) -> bool:
    return bool(strip.shape[1] > _MAX_WIDTH)


def _find_lines(pixels: NDArray[np.uint8]) -> list[Line]:
    try:
        return find_readings(pixels, Layout.NUMBER).lines
    except InvalidArgumentError:  # too much ink
        return []


def _shown_share(line: Line, ink: NDArray[np.uint8]) -> float:
    """Return how much of a character's ink a strip shows, 0 to 1."""
    y, x = np.nonzero(ink > 128)
    columns = np.searchsorted(line.columns, x)
    rows = ((y + 0.5 - line.top) / line.scale).astype(np.intp)
    height, width = line.strip.shape
    is_inside = (columns > 0) & (columns < width) & (rows >= 0) & (rows < height)
    shown = line.strip[rows[is_inside], columns[is_inside]] > _LEAST_INK
    return float(shown.sum() / max(1, len(y)))
