"""The training mixture of the compact network and its teacher, and the held-out examples."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np

from . import drawn_examples, examples, non_digit_examples, omniglot, pendigits, unipen
from .batches import Component
from .datasets import Mnist, data_folder
from .drawing_progress import log_drawing
from .eval_sets import corrections_set
from .examples import Examples
from .recordings import NO_WRITING, NOT_A_DIGIT, Part, Recording
from .scene_examples import from_blanks, from_scenes
from .scenes import SCENE_KINDS

# The kinds of scenes that are hardest to read are drawn more often.
TRAINING_SCENES: Final = (
    *SCENE_KINDS,
    "underlined",
    "underlined",
    "hollow",
    "hollow",
    "thick",
    "broken",
)
# Weights of a user's corrected drawings: small for each one, and limited for all of them, so
# that the network does not forget other people's handwriting.
SHARE_PER_DRAWING: Final = 0.002
MAX_SHARE_OF_DRAWINGS: Final = 0.15

logger = logging.getLogger(__name__)


class Amounts(NamedTuple):
    """How much is drawn: copies of each recording or letter, or images."""

    stroke_copies: int = 10
    unipen_copies: int = 9
    sign_copies: int = 12
    letter_copies: int = 8
    scene_copies: int = 6
    redrawn_count: int = 60_000
    template_count: int = 12_000
    scribble_count: int = 8000
    joined_count: int = 8000
    fragment_count: int = 6000
    blank_count: int = 16_000

    def times(self, share: float) -> Self:
        """Return a share of the amounts, at least 1 of each."""
        return type(self)(*(max(1, round(share * amount)) for amount in self))


AMOUNTS: Final = Amounts()


@dataclass(frozen=True)
class HeldOut:
    """Examples held out of training, for validation and calibration."""

    mnist: Examples
    """Images of MNIST's training set."""

    strokes: Examples
    """Digits by writers held out of training, drawn with a pen on a canvas."""

    scenes: Examples
    """Readings of scenes with digits by the same writers: of the digit, and of something else."""

    letters: Examples
    """Letters of an alphabet, and letters and signs by writers held out of training."""

    def all(self) -> Examples:
        """Return all of them as one."""
        return examples.concatenate([self.mnist, self.strokes, self.scenes, self.letters])


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
    drawn_share: float = 1.0,
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
        drawn_share: Share of the usual images that are drawn; MNIST's are always all there.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings cannot be read.
    """
    letters = _letters(data_dir)
    pen, unipen_digits, signs = load_strokes("training", data_dir)
    digits = pen + unipen_digits
    images, _ = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    letters = letters.training()
    amounts = AMOUNTS.times(drawn_share)
    amounts = amounts._replace(redrawn_count=min(amounts.redrawn_count, len(images.labels)))
    counts = {
        "redraw_image": amounts.redrawn_count + amounts.letter_copies * len(letters.images),
        "_draw_recording": amounts.stroke_copies * len(pen)
        + amounts.unipen_copies * len(unipen_digits)
        + amounts.sign_copies * len(signs),
        "_draw_template": amounts.template_count,
        "_draw_scribble": amounts.scribble_count,
        "_draw_joined": amounts.joined_count if digits else 0,
        "_draw_fragment": amounts.fragment_count if digits else 0,
        "_read_scene": amounts.scene_copies * len(digits) + len(signs),
        "_read_blank": amounts.blank_count,
    }
    logger.info("Drawing %s images to learn from", f"{sum(counts.values()):,}")
    with log_drawing(logger, counts):
        components = _draw_components(images, pen, unipen_digits, signs, letters, seed, amounts)
    if drawings is not None:
        corrected = corrections_set(drawings)
        share = min(SHARE_PER_DRAWING * len(corrected.labels), MAX_SHARE_OF_DRAWINGS)
        drawn = Component(examples.from_images(corrected.images, corrected.labels), share)
        components = _normalize([*components, drawn])
    logger.info("Drawing the images that are held out")
    return Mixture(components, build_held_out(mnist, data_dir, validation_count, seed))


def _draw_components(
    images: Examples,
    pen: Sequence[Recording],
    unipen_digits: Sequence[Recording],
    signs: Sequence[Recording],
    letters: omniglot.Letters,
    seed: int,
    amounts: Amounts,
) -> list[Component]:
    """Make the frames of all components that are not empty."""
    digits = [*pen, *unipen_digits]
    redrawn = images.take(np.arange(amounts.redrawn_count))
    scenes, sign_scenes = (
        from_scenes(
            *(recordings, TRAINING_SCENES, seed),
            copies=copies,
            other_hands_share=drawn_examples.OTHER_HANDS_SHARE,
        )
        for recordings, copies in ((digits, amounts.scene_copies), (signs, 1))
    )
    no_writing = examples.concatenate([scenes, sign_scenes]).with_labels(NO_WRITING)
    components = [
        Component(examples.from_images(images.frames, images.labels), 0.36),
        Component(drawn_examples.from_redrawn_images(redrawn.frames, redrawn.labels, seed), 0.07),
        Component(drawn_examples.from_recordings(pen, seed, copies=amounts.stroke_copies), 0.07),
        Component(
            drawn_examples.from_recordings(unipen_digits, seed, copies=amounts.unipen_copies), 0.09
        ),
        Component(drawn_examples.from_templates(amounts.template_count, seed), 0.02),
        Component(scenes.with_labels(*range(10)), 0.13),
        Component(sign_scenes.with_labels(NOT_A_DIGIT), 0.015),
        Component(no_writing, 0.045),
        Component(from_blanks(amounts.blank_count, seed), 0.025),
        Component(
            drawn_examples.from_letters(letters.images, seed, copies=amounts.letter_copies),
            0.02,
        ),
        Component(drawn_examples.from_recordings(signs, seed, copies=amounts.sign_copies), 0.055),
        Component(non_digit_examples.from_scribbles(amounts.scribble_count, seed), 0.01),
        Component(non_digit_examples.from_joined(digits, amounts.joined_count, seed), 0.006),
        Component(non_digit_examples.from_fragments(digits, amounts.fragment_count, seed), 0.004),
    ]
    return _normalize([each for each in components if len(each.examples.labels)])


def build_held_out(
    mnist: Mnist, data_dir: Path | None, validation_count: int, seed: int
) -> HeldOut:
    """Make the examples that ``build_mixture`` holds out for the same arguments.

    Raises:
        DatasetError: The pen strokes or the letters cannot be read.
    """
    _, images = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    pen, unipen_digits, signs = load_strokes("validation", data_dir)
    digits = pen + unipen_digits
    letters = _letters(data_dir).select(omniglot.VALIDATION_ALPHABETS)
    return HeldOut(
        mnist=examples.from_images(images.frames, images.labels),
        strokes=drawn_examples.from_recordings_as_written(digits, seed),
        scenes=from_scenes(digits, SCENE_KINDS, seed),
        letters=examples.concatenate(
            [
                drawn_examples.from_letters(letters.images, seed),
                drawn_examples.from_recordings_as_written(signs, seed),
            ]
        ),
    )


def _normalize(components: Sequence[Component]) -> list[Component]:
    """Return components whose shares add up to 1."""
    total = sum(component.share for component in components)
    return [Component(each.examples, each.share / total) for each in components]


def load_strokes(part: Part, data_dir: Path | None) -> list[list[Recording]]:
    """Return the digits of pendigits, and the digits and the signs of UNIPEN, of a part.

    What is missing is empty, and a warning is logged.

    Raises:
        DatasetError: The pen strokes cannot be read.
    """
    return [
        load(data_dir, part) if _exists(file, data_dir) else []
        for file, load in (
            (pendigits.PENDIGITS_FILE, pendigits.load_pendigits),
            (unipen.UNIPEN_DIGITS_FILE, unipen.load_unipen_digits),
            (unipen.UNIPEN_SIGNS_FILE, unipen.load_unipen_signs),
        )
    ]


def _letters(data_dir: Path | None) -> omniglot.Letters:
    if _exists(omniglot.OMNIGLOT_FILE, data_dir):
        return omniglot.load_omniglot(data_dir)
    return omniglot.Letters(np.empty((0, 56, 56), np.uint8), np.empty(0, np.str_))


def _exists(name: str, data_dir: Path | None) -> bool:
    path = data_folder(data_dir) / name
    if not path.is_file():
        logger.warning("%s not found: training without it gives a weaker network", path)
    return path.is_file()
