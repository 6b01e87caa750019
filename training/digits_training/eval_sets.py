"""Sets of images for evaluation, before normalization.

They are not trained on, except for a user's corrected drawings (``fit --drawings``).
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
class EvalSet:
    """Images with their labels."""

    name: str
    """Identifier: ``mnist``, ``strokes``, ``letters``, ``wild``, ``wild-photo`` ..."""

    title: str
    """Name in tables and reports."""

    images: list[Gray]
    """Images, each (H, W) uint8, of any size."""

    labels: Labels
    """(N,), 0..9, or NOT_A_DIGIT."""

    @property
    def has_digits(self) -> bool:
        """True if the set has digits, False if it has only other images."""
        return bool((self.labels != NOT_A_DIGIT).any())


def mnist_set(mnist: Mnist) -> EvalSet:
    """Return MNIST's test set."""
    return EvalSet("mnist", "MNIST test set", list(mnist.x_test), mnist.y_test)


def stroke_set(data_dir: Path | None) -> EvalSet:
    """Return drawings by the test writers, with pens of 8 to 24 px on canvases of 300 px.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    recordings = pendigits.of_writers(pendigits.load_pendigits(data_dir), pendigits.TEST_WRITERS)
    random = np.random.default_rng(SEED)
    images = [canvases.draw_strokes_as_written(each.strokes, random) for each in recordings]
    labels = np.array([recording.label for recording in recordings], np.uint8)
    return EvalSet("strokes", "Pen strokes of unseen writers", images, labels)


def letter_set(data_dir: Path | None) -> EvalSet:
    """Return letters of the test alphabets.

    Raises:
        DatasetError: The letters are missing or cannot be read.
    """
    letters = omniglot.load_omniglot(data_dir).select(omniglot.TEST_ALPHABETS)
    labels = np.full(len(letters.images), NOT_A_DIGIT, np.uint8)
    return EvalSet("letters", "Letters of unseen alphabets", list(letters.images), labels)


def wild_sets(data_dir: Path | None) -> list[EvalSet]:
    """Return people's own images: all of them, then a set for each kind.

    They are the files in ``wild/``. ``manifest.jsonl`` has a JSON object per image with
    ``file``, ``label`` and ``kind``.

    Raises:
        DatasetError: The images are missing, or one of them cannot be read.
    """
    folder = data_folder(data_dir) / "wild"
    try:
        lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        images = [decode((folder / row["file"]).read_bytes(), WILD_LIMITS).gray for row in rows]
    except (OSError, ValueError, KeyError, InvalidArgumentError) as error:
        raise DatasetError(f"{folder} cannot be read as people's own images: {error}") from error
    labels = np.array([int(row["label"]) for row in rows], np.uint8)
    kinds = np.array([row["kind"] for row in rows])
    sets = [EvalSet("wild", "People's own images", images, labels)]
    for kind in sorted(set(kinds.tolist())):
        indices = np.flatnonzero(kinds == kind)
        part = [images[index] for index in indices]
        sets.append(EvalSet(f"wild-{kind}", f"... of which {kind}", part, labels[indices]))
    return sets


def corrections_set(folder: Path) -> EvalSet:
    """Return the drawings that a user has corrected in digits-draw.

    Raises:
        DatasetError: The folder has no corrected drawings, or one cannot be read.
    """
    corrections = list(Corrections(folder))
    if not corrections:
        raise DatasetError(f"{folder} has no corrected drawings of digits-draw")
    try:
        images = [decode(drawing.path.read_bytes(), WILD_LIMITS).gray for drawing in corrections]
    except (OSError, InvalidArgumentError) as error:
        raise DatasetError(f"{folder} cannot be read as corrected drawings: {error}") from error
    labels = np.array([drawing.label for drawing in corrections], np.uint8)
    return EvalSet("drawings", "Corrected drawings", images, labels)


def available_sets(mnist: Mnist, data_dir: Path | None) -> tuple[list[EvalSet], list[str]]:
    """Return the sets whose data is available, and a note about each that is skipped."""
    loaders: list[Callable[[], list[EvalSet]]] = [
        lambda: [stroke_set(data_dir)],
        lambda: wild_sets(data_dir),
        lambda: [letter_set(data_dir)],
    ]
    sets, notes = [mnist_set(mnist)], []
    for load in loaders:
        try:
            sets += load()
        except DatasetError as error:
            notes.append(f"skipped: {error}")
    return sets, notes
