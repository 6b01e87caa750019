"""The sets of images on which a network is measured, as images: nothing is framed yet.

None of them is trained on, and none but the first is in MNIST's hand.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digits_client.draw.corrections import Corrections
from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode

from . import canvases, omniglot, pendigits
from .datasets import DatasetError, Mnist, data_folder
from .examples import NOT_A_DIGIT

Gray = NDArray[np.uint8]
Labels = NDArray[np.uint8]

SEED: Final = 20
WILD_LIMITS: Final = ImageLimits(max_bytes=2**25, max_pixels=2**26)


@dataclass(frozen=True)
class Suite:
    """Images with their labels."""

    name: str
    """A word: ``mnist``, ``strokes``, ``letters``, ``wild``, ``wild-photo`` ..."""

    title: str
    """For people."""

    images: list[Gray]
    """Each (H, W) uint8, of any size."""

    labels: Labels
    """(N,), 0..9, or NOT_A_DIGIT."""

    @property
    def has_digits(self) -> bool:
        """Whether the images are digits, and not what is none."""
        return bool((self.labels != NOT_A_DIGIT).any())


def mnist_suite(mnist: Mnist) -> Suite:
    """Return MNIST's test set."""
    return Suite("mnist", "MNIST test set", list(mnist.x_test), mnist.y_test)


def stroke_suite(data_dir: Path | None) -> Suite:
    """Return drawings of the writers kept out: pens of 8 to 24 px on canvases of 300 px.

    Raises:
        DatasetError: The pen strokes are nowhere.
    """
    recordings = pendigits.of_writers(pendigits.load_pendigits(data_dir), pendigits.TEST_WRITERS)
    random = np.random.default_rng(SEED)
    images = [canvases.plain_canvas(recording.strokes, random) for recording in recordings]
    labels = np.array([recording.label for recording in recordings], np.uint8)
    return Suite("strokes", "Pen strokes of unseen writers", images, labels)


def letter_suite(data_dir: Path | None) -> Suite:
    """Return letters of alphabets that are not learned from.

    Raises:
        DatasetError: The letters are nowhere.
    """
    letters = omniglot.load_omniglot(data_dir).of(omniglot.TEST_ALPHABETS)
    labels = np.full(len(letters.images), NOT_A_DIGIT, np.uint8)
    return Suite("letters", "Letters of unseen alphabets", list(letters.images), labels)


def wild_suites(data_dir: Path | None) -> list[Suite]:
    """Return people's own images: all, and each kind of them.

    They are looked for in ``wild/``, with a line of JSON each in ``manifest.jsonl``:
    ``file``, ``label`` and ``kind``.

    Raises:
        DatasetError: There are none, or one cannot be read.
    """
    folder = data_folder(data_dir) / "wild"
    try:
        lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        images = [decode((folder / row["file"]).read_bytes(), WILD_LIMITS) for row in rows]
    except (OSError, ValueError, KeyError, InvalidArgumentError) as error:
        raise DatasetError(f"{folder} cannot be read as people's own images: {error}") from error
    labels = np.array([int(row["label"]) for row in rows], np.uint8)
    kinds = np.array([row["kind"] for row in rows])
    found = [Suite("wild", "People's own images", images, labels)]
    for kind in sorted(set(kinds.tolist())):
        which = np.flatnonzero(kinds == kind)
        part = [images[place] for place in which]
        found.append(Suite(f"wild-{kind}", f"... of which {kind}", part, labels[which]))
    return found


def drawing_suite(folder: Path) -> Suite:
    """Return the drawings that a person has put right in the window.

    Raises:
        DatasetError: There are none in the folder, or one cannot be read.
    """
    kept = list(Corrections(folder))
    if not kept:
        raise DatasetError(f"{folder} holds no corrected drawings of digits-draw")
    try:
        images = [decode(drawing.path.read_bytes(), WILD_LIMITS) for drawing in kept]
    except (OSError, InvalidArgumentError) as error:
        raise DatasetError(f"{folder} cannot be read as corrected drawings: {error}") from error
    labels = np.array([drawing.label for drawing in kept], np.uint8)
    return Suite("drawings", "Corrected drawings", images, labels)


def at_hand(mnist: Mnist, data_dir: Path | None) -> tuple[list[Suite], list[str]]:
    """Return the suites whose data is here, and a sentence for each that is not."""
    makers: list[Callable[[], list[Suite]]] = [
        lambda: [stroke_suite(data_dir)],
        lambda: wild_suites(data_dir),
        lambda: [letter_suite(data_dir)],
    ]
    suites, missing = [mnist_suite(mnist)], []
    for make in makers:
        try:
            suites += make()
        except DatasetError as error:
            missing.append(f"left out: {error}")
    return suites, missing
