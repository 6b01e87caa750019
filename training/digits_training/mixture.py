"""The training mixture of the compact network and its teacher, and the held-out examples."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from . import examples, omniglot, pendigits
from .batches import Component
from .datasets import Mnist, data_folder
from .eval_sets import corrections_set
from .examples import Examples

STROKE_COPIES: Final = 8
LETTER_COPIES: Final = 5
SCRIBBLE_COUNT: Final = 8000
TEMPLATE_COUNT: Final = 12_000
# Weights of a user's corrected drawings: small for each one, and limited for all of them, so
# that the network does not forget other people's handwriting.
SHARE_PER_DRAWING: Final = 0.002
MAX_SHARE_OF_DRAWINGS: Final = 0.15

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """Examples held out of training, for validation and calibration."""

    mnist: Examples
    """Images of MNIST's training set."""

    strokes: Examples
    """Drawings by writers held out of training."""

    letters: Examples
    """Letters of an alphabet held out of training."""

    def all(self) -> Examples:
        """Return all of them as one."""
        return examples.concatenate([self.mnist, self.strokes, self.letters])


@dataclass(frozen=True)
class Mixture:
    """Components to learn from, and the examples held out of them."""

    components: list[Component]
    held_out: HeldOut


def build_mixture(
    mnist: Mnist,
    data_dir: Path | None,
    validation_count: int,
    seed: int,
    drawings: Path | None = None,
) -> Mixture:
    """Make the frames of all components and the held-out examples, using all cores.

    If the pen strokes or the letters are missing, a warning is logged and the mixture is
    built without them.

    Args:
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes and the letters, as for ``load_mnist``.
        validation_count: Number of images held out of MNIST's training set.
        seed: Seed of everything random.
        drawings: Folder of corrected drawings to learn from as well.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings cannot be read.
    """
    recordings, letters = _recordings(data_dir), _letters(data_dir)
    held_out_writers = pendigits.VALIDATION_WRITERS | pendigits.TEST_WRITERS
    train_recordings = [each for each in recordings if each.writer not in held_out_writers]
    images, _ = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    not_digits = examples.concatenate(
        [
            examples.from_letters(letters.training().images, seed, copies=LETTER_COPIES),
            examples.from_scribbles(SCRIBBLE_COUNT, seed),
        ]
    )
    components = [
        Component(examples.from_images(images.frames, images.labels), 0.48),
        Component(examples.from_redrawn_images(images.frames, images.labels, seed), 0.16),
        Component(examples.from_recordings(train_recordings, seed, copies=STROKE_COPIES), 0.22),
        Component(examples.from_templates(TEMPLATE_COUNT, seed), 0.05),
        Component(not_digits, 0.09),
    ]
    if drawings is not None:
        corrected = corrections_set(drawings)
        share = min(SHARE_PER_DRAWING * len(corrected.labels), MAX_SHARE_OF_DRAWINGS)
        components.append(
            Component(examples.from_images(corrected.images, corrected.labels), share)
        )
    present = [component for component in components if len(component.examples.labels)]
    total = sum(component.share for component in present)
    return Mixture(
        components=[Component(each.examples, each.share / total) for each in present],
        held_out=_build_held_out(mnist, recordings, letters, validation_count, seed),
    )


def build_held_out(
    mnist: Mnist, data_dir: Path | None, validation_count: int, seed: int
) -> HeldOut:
    """Make the examples that ``build_mixture`` holds out for the same arguments.

    Raises:
        DatasetError: The pen strokes or the letters cannot be read.
    """
    recordings, letters = _recordings(data_dir), _letters(data_dir)
    return _build_held_out(mnist, recordings, letters, validation_count, seed)


def _build_held_out(
    mnist: Mnist,
    recordings: list[pendigits.Recording],
    letters: omniglot.Letters,
    validation_count: int,
    seed: int,
) -> HeldOut:
    _, images = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    writers = pendigits.of_writers(recordings, pendigits.VALIDATION_WRITERS)
    return HeldOut(
        mnist=examples.from_images(images.frames, images.labels),
        strokes=examples.from_recordings_as_written(writers, seed),
        letters=examples.from_letters(letters.select(omniglot.VALIDATION_ALPHABETS).images, seed),
    )


def _recordings(data_dir: Path | None) -> list[pendigits.Recording]:
    if _exists(pendigits.PENDIGITS_FILE, data_dir):
        return pendigits.load_pendigits(data_dir)
    return []


def _letters(data_dir: Path | None) -> omniglot.Letters:
    if _exists(omniglot.OMNIGLOT_FILE, data_dir):
        return omniglot.load_omniglot(data_dir)
    return omniglot.Letters(np.empty((0, 56, 56), np.uint8), np.empty(0, np.str_))


def _exists(name: str, data_dir: Path | None) -> bool:
    path = data_folder(data_dir) / name
    if not path.is_file():
        logger.warning("%s not found: training without it gives a weaker network", path)
    return path.is_file()
