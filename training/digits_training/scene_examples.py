"""Examples of all readings of an image: of scenes with a character, and of images without one."""

import zlib
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits_server.preprocessing.gray import to_gray
from digits_server.preprocessing.normalize import normalize
from digits_server.preprocessing.search import find_readings

from .examples import Examples, Frames, concatenate, stack, to_bytes
from .frame_jobs import run_jobs
from .frame_similarity import MAX_DIFFERENT, MIN_SAME, similarity
from .other_hands import rewrite
from .recordings import NO_WRITING, Recording
from .scenes import BLANK_KINDS, draw_blank, draw_scene
from .scenes.pages import Pixels

SLASHED_SHARE: Final = 0.5
"""Share of the zeros that are drawn with a slash, whatever the kind of scene."""

# A frame whose ink is narrower, as a share of its height, looks like a 1. So many of those without
# writing, such as the side of a border, are examples; more would teach that a 1 is not a digit.
BAR_WIDTH: Final = 0.35
BAR_SHARE: Final = 0.1


def from_scenes(
    recordings: Sequence[Recording],
    kinds: Sequence[str],
    seed: int,
    *,
    copies: int = 1,
    other_hands_share: float = 0.0,
) -> Examples:
    """Draw scenes, and make the frames of all their readings.

    A reading that shows the character as it was drawn gets its label; one that shows something
    else gets NO_WRITING. A reading that is neither is dropped.

    Args:
        recordings: The characters.
        kinds: Kinds of scenes, of which one is chosen for each drawing; "slashed" is for zeros.
        seed: Seed of everything random.
        copies: Number of scenes of each character.
        other_hands_share: Share of the characters that are drawn as by another hand.
    """
    random = np.random.default_rng(seed)
    others = [kind for kind in kinds if kind != "slashed"]
    items = [
        (recording, _choose_kind(recording, others, random), other_hands_share)
        for recording in recordings
        for _ in range(copies)
    ]
    nothing = Examples(stack([]), np.empty(0, np.uint8))
    return concatenate([nothing, *run_jobs(_read_scene, items, seed)])


def from_blanks(count: int, seed: int) -> Examples:
    """Draw images without writing, and make the frames of all their readings."""
    items = [BLANK_KINDS[number % len(BLANK_KINDS)] for number in range(count)]
    frames = np.concatenate([stack([]), *run_jobs(_read_blank, items, seed)])
    return Examples(frames, np.full(len(frames), NO_WRITING, np.uint8))


def _choose_kind(recording: Recording, kinds: Sequence[str], random: np.random.Generator) -> str:
    if recording.label == 0 and random.random() < SLASHED_SHARE:
        return "slashed"
    return str(random.choice(kinds))


def _read_scene(item: tuple[Recording, str, float], random: np.random.Generator) -> Examples:
    recording, kind, other_hands_share = item
    scene = draw_scene(kind, rewrite(recording, other_hands_share, random), random)
    ideals = [normalize(scene.clean)]
    if kind == "underlined":  # the line that the character touches stays in its frame
        ideals.append(normalize(scene.with_lines))
    frames, labels = [], []
    for reading in find_readings(to_gray_pixels(scene.pixels)).readings:
        label = _label(reading.frame, ideals, recording.label)
        if label is not None:
            frames.append(to_bytes(reading.frame))
            labels.append(label)
    return Examples(stack(frames), np.array(labels, np.uint8))


def _label(
    frame: NDArray[np.float32], ideals: Sequence[NDArray[np.float32]], label: int
) -> int | None:
    """Return the label of a reading of a scene; None if it is not clear.

    Args:
        frame: (28, 28) the frame of the reading.
        ideals: (28, 28) frames that show the character.
        label: The character's label.
    """
    likeness = max(similarity(ideal, frame) for ideal in ideals)
    if likeness >= MIN_SAME:
        return label
    return NO_WRITING if likeness < MAX_DIFFERENT and is_kept(frame) else None


def is_kept(frame: NDArray[np.float32]) -> bool:
    """Return whether a frame without writing is an example: few of those that look like a 1 are."""
    _, _, width, height = cv2.boundingRect((frame > 0.2).view(np.uint8))
    # Without a generator, so that equal frames have equal labels.
    return width >= BAR_WIDTH * height or zlib.crc32(frame.tobytes()) % 100 < 100 * BAR_SHARE


def _read_blank(kind: str, random: np.random.Generator) -> Frames:
    readings = find_readings(to_gray_pixels(draw_blank(kind, random))).readings
    return stack([to_bytes(reading.frame) for reading in readings if is_kept(reading.frame)])


def to_gray_pixels(pixels: Pixels) -> NDArray[np.uint8]:
    """Return the gray pixels, (H, W), of a scene's."""
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(to_gray(Image.fromarray(pixels)), np.uint8)
