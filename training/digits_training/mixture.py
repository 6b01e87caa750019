"""What the compact network and its teacher learn from, and what they are chosen by."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from . import examples, omniglot, pendigits
from .batches import Kind
from .datasets import Mnist, data_folder
from .eval_sets import drawing_suite
from .examples import Examples

STROKE_COPIES: Final = 8
LETTER_COPIES: Final = 5
SCRIBBLE_COUNT: Final = 8000
HABIT_COUNT: Final = 12_000
# How often a person's own drawings are drawn: each alone seldom, all together not so
# often that the network forgets other hands.
SHARE_OF_A_DRAWING: Final = 0.002
MAX_SHARE_OF_DRAWINGS: Final = 0.15

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """Examples that are not learned from, to choose by and to calibrate with."""

    mnist: Examples
    """Images of MNIST's training set."""
    strokes: Examples
    """Drawings of writers who are not learned from."""
    letters: Examples
    """Letters of an alphabet that is not learned from."""

    def all(self) -> Examples:
        """Return them as one."""
        return examples.joined([self.mnist, self.strokes, self.letters])


@dataclass(frozen=True)
class Curriculum:
    """Kinds to learn from, and examples kept out of them."""

    kinds: list[Kind]
    held_out: HeldOut


def curriculum(
    mnist: Mnist,
    data_dir: Path | None,
    validation_count: int,
    seed: int,
    drawings: Path | None = None,
) -> Curriculum:
    """Make all frames, in as many processes as there are cores.

    Where the pen strokes or the letters are not at hand, a warning says so and the rest
    is taught without them.

    Args:
        mnist: The images.
        data_dir: Where the pen strokes and the letters are, as for ``load_mnist``.
        validation_count: Images kept out of MNIST's training set.
        seed: Of all that is random.
        drawings: A folder of corrected drawings to learn from too.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings are there but cannot
            be read.
    """
    recordings, letters = _recordings(data_dir), _letters(data_dir)
    kept_out = pendigits.VALIDATION_WRITERS | pendigits.TEST_WRITERS
    learned = [recording for recording in recordings if recording.writer not in kept_out]
    images, _ = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    not_digits = examples.joined(
        [
            examples.of_letters(letters.to_learn().images, seed, copies=LETTER_COPIES),
            examples.of_scribbles(SCRIBBLE_COUNT, seed),
        ]
    )
    kinds = [
        Kind(examples.of_images(images.frames, images.labels), 0.48),
        Kind(examples.of_redrawn_images(images.frames, images.labels, seed), 0.16),
        Kind(examples.of_recordings(learned, seed, copies=STROKE_COPIES), 0.22),
        Kind(examples.of_habits(HABIT_COUNT, seed), 0.05),
        Kind(not_digits, 0.09),
    ]
    if drawings is not None:
        suite = drawing_suite(drawings)
        share = min(SHARE_OF_A_DRAWING * len(suite.labels), MAX_SHARE_OF_DRAWINGS)
        kinds.append(Kind(examples.of_images(suite.images, suite.labels), share))
    there = [kind for kind in kinds if len(kind.examples.labels)]
    whole = sum(kind.share for kind in there)
    return Curriculum(
        kinds=[Kind(kind.examples, kind.share / whole) for kind in there],
        held_out=_held_out(mnist, recordings, letters, validation_count, seed),
    )


def held_out(mnist: Mnist, data_dir: Path | None, validation_count: int, seed: int) -> HeldOut:
    """Make the frames of what a curriculum of the same seed keeps out.

    Raises:
        DatasetError: The pen strokes or the letters are there but cannot be read.
    """
    return _held_out(mnist, _recordings(data_dir), _letters(data_dir), validation_count, seed)


def _held_out(
    mnist: Mnist,
    recordings: list[pendigits.Recording],
    letters: omniglot.Letters,
    validation_count: int,
    seed: int,
) -> HeldOut:
    _, images = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    writers = pendigits.of_writers(recordings, pendigits.VALIDATION_WRITERS)
    return HeldOut(
        mnist=examples.of_images(images.frames, images.labels),
        strokes=examples.of_recordings_on_300(writers, seed),
        letters=examples.of_letters(letters.of(omniglot.VALIDATION_ALPHABETS).images, seed),
    )


def _recordings(data_dir: Path | None) -> list[pendigits.Recording]:
    if _is_there(pendigits.PENDIGITS_FILE, data_dir):
        return pendigits.load_pendigits(data_dir)
    return []


def _letters(data_dir: Path | None) -> omniglot.Letters:
    if _is_there(omniglot.OMNIGLOT_FILE, data_dir):
        return omniglot.load_omniglot(data_dir)
    return omniglot.Letters(np.empty((0, 56, 56), np.uint8), np.empty(0, np.str_))


def _is_there(name: str, data_dir: Path | None) -> bool:
    path = data_folder(data_dir) / name
    if not path.is_file():
        logger.warning("%s is not there: the network will be weaker without it", path)
    return path.is_file()
