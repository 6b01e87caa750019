"""Examples of the candidates of numbers: of whole digits, of their parts, and of several as one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.normalize import normalize
from digits_server.preprocessing.readings import find_readings

from .examples import Examples, concatenate, stack, to_bytes
from .frame_jobs import run_jobs
from .frame_similarity import MAX_DIFFERENT, MIN_SAME, similarity
from .recordings import NO_WRITING, NOT_A_DIGIT, Recording
from .scene_examples import is_kept
from .scenes.numbers import NUMBER_KINDS, NumberScene, draw_number

MOST_DIGITS: Final = 6
# Touching digits have most of the cuts.
_KINDS: Final = (*NUMBER_KINDS, "touching", "touching")
# A candidate shows a digit if their boxes have so much in common, as a share of both together.
_MIN_COMMON: Final = 0.6
# What shows that much of a digit may be legible, and is no example of something else.
_MIN_LEGIBLE: Final = 0.7
# A candidate is writing if its frame is at least so similar to one of the digits' ink in its box.
_MIN_INK: Final = 0.6


def from_numbers(recordings: Sequence[Recording], count: int, seed: int) -> Examples:
    """Draw numbers, each by one writer, and make the frames of all their candidates.

    A candidate that shows one digit as it was written gets its label, one with parts of digits or
    several NOT_A_DIGIT, and any other NO_WRITING. What is neither is dropped.

    Args:
        recordings: The digits, of any number of writers.
        count: Number of images.
        seed: Seed of everything random.
    """
    writers = by_writer(recordings)
    random = np.random.default_rng(seed)
    items = []
    for _ in range(count if writers else 0):
        digits = choose_digits(writers, random)
        items.append((str(random.choice(_KINDS)), digits))
    nothing = Examples(stack([]), np.empty(0, np.uint8))
    return concatenate([nothing, *run_jobs(_read_number, items, seed)])


def by_writer(recordings: Sequence[Recording]) -> list[list[Recording]]:
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


def _read_number(item: tuple[str, Sequence[Recording]], random: np.random.Generator) -> Examples:
    kind, digits = item
    scene = draw_number(kind, [digit.strokes for digit in digits], random)
    ideals = [normalize(255 - ink) for ink in scene.inks]
    frames, labels = [], []
    for line in find_readings(scene.pixels, Layout.NUMBER).lines:
        for frame, box in zip(line.frames, line.boxes, strict=True):
            label = _label(frame, box, scene, ideals, digits)
            if label is not None:
                frames.append(to_bytes(frame))
                labels.append(label)
    return Examples(stack(frames), np.array(labels, np.uint8))


def _label(
    frame: NDArray[np.float32],
    box: NDArray[np.intp],
    scene: NumberScene,
    ideals: Sequence[NDArray[np.float32]],
    digits: Sequence[Recording],
) -> int | None:
    common = _common_areas(box, scene.boxes)
    own, others = box[2] * box[3], scene.boxes[:, 2] * scene.boxes[:, 3]
    best = int(np.argmax(common / (own + others - common)))
    likeness = similarity(ideals[best], frame)
    is_at_digit = common[best] >= _MIN_COMMON * (own + others[best] - common[best])
    if is_at_digit and likeness >= MIN_SAME:
        return digits[best].label
    if likeness >= (_MIN_LEGIBLE if is_at_digit else MAX_DIFFERENT) or not is_kept(frame):
        return None
    left, top, width, height = box.tolist()
    ink = scene.inks[:, top : top + height, left : left + width].max(axis=0)
    is_writing = similarity(normalize(255 - np.pad(ink, 2)), frame) >= _MIN_INK
    return NOT_A_DIGIT if is_writing else NO_WRITING


def _common_areas(box: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the area that a box, (4,) left, top, width, height, shares with each of (N, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return np.asarray(np.maximum(high - low, 0).prod(axis=1), np.intp)
