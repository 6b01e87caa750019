"""Sets of images for evaluation, before normalization.

They are not trained on, except for a user's corrected drawings (``fit --drawings``).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from digits_client.draw.corrections import Corrections
from digits_server.errors import InvalidArgumentError

from . import drawn_sets, omniglot
from .datasets import DatasetError, Mnist
from .eval_set import EvalSet, load_own_files
from .recordings import NOT_A_DIGIT


def mnist_set(mnist: Mnist) -> EvalSet:
    """Return MNIST's test set."""
    return EvalSet("mnist", "MNIST test set", list(mnist.x_test), mnist.y_test)


def letter_set(
    data_dir: Path | None, alphabets: frozenset[str] = omniglot.TEST_ALPHABETS
) -> EvalSet:
    """Return letters of alphabets that are held out, by default those of the test.

    Raises:
        DatasetError: The letters are missing or cannot be read.
    """
    letters = omniglot.load_omniglot(data_dir).select(alphabets)
    labels = np.full(len(letters.images), NOT_A_DIGIT, np.uint8)
    return EvalSet("letters", "Letters of unseen alphabets", list(letters.images), labels)


def wild_sets(data_dir: Path | None) -> list[EvalSet]:
    """Return people's own images: all of them, then a set for each kind.

    They are the files in ``wild/``, each with a ``label`` and a ``kind``.

    Raises:
        DatasetError: The images are missing, or one of them cannot be read.
    """
    rows, files = load_own_files(data_dir, "wild")
    try:
        labels = np.array([int(row["label"]) for row in rows], np.uint8)
        kinds = np.array([row["kind"] for row in rows])
        paths = [f"wild/{row['file']}" for row in rows]
        everything = EvalSet.of_files("wild", "People's own images", files, labels, paths)
    except (ValueError, KeyError, InvalidArgumentError) as error:
        raise DatasetError(f"people's own images cannot be read: {error}") from error
    sets = [everything]
    for kind in sorted(set(kinds.tolist())):
        indices = np.flatnonzero(kinds == kind)
        sets.append(everything.take(f"wild-{kind}", f"... of which {kind}", indices))
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
        files = [drawing.path.read_bytes() for drawing in corrections]
        labels = np.array([drawing.label for drawing in corrections], np.uint8)
        paths = [drawing.path for drawing in corrections]
        return EvalSet.of_files("drawings", "Corrected drawings", files, labels, paths)
    except (OSError, InvalidArgumentError) as error:
        raise DatasetError(f"{folder} cannot be read as corrected drawings: {error}") from error


def available_sets(mnist: Mnist, data_dir: Path | None) -> tuple[list[EvalSet], list[str]]:
    """Return the test sets whose data is available, and a note about each that is skipped."""
    sets, notes = _load(
        [
            lambda: [drawn_sets.pendigits_set(data_dir)],
            lambda: [drawn_sets.unipen_set(data_dir)],
            lambda: wild_sets(data_dir),
            lambda: [letter_set(data_dir)],
            lambda: drawn_sets.sign_sets(data_dir),
            lambda: drawn_sets.scene_sets(data_dir),
            lambda: [drawn_sets.blank_set()],
        ]
    )
    return [mnist_set(mnist), *sets], notes


def validation_sets(data_dir: Path | None) -> tuple[list[EvalSet], list[str]]:
    """Return the same kinds of sets, by the writers that are held out for validation.

    Whatever is chosen by results is chosen by these.
    """
    return _load(
        [
            lambda: [drawn_sets.pendigits_set(data_dir, "validation")],
            lambda: [drawn_sets.unipen_set(data_dir, "validation")],
            lambda: [letter_set(data_dir, omniglot.VALIDATION_ALPHABETS)],
            lambda: drawn_sets.sign_sets(data_dir, "validation"),
            lambda: drawn_sets.scene_sets(data_dir, "validation"),
            lambda: [drawn_sets.blank_set("validation")],
        ]
    )


def _load(loaders: Sequence[Callable[[], list[EvalSet]]]) -> tuple[list[EvalSet], list[str]]:
    sets, notes = [], []
    for load in loaders:
        try:
            sets += load()
        except DatasetError as error:
            notes.append(f"skipped: {error}")
    return sets, notes
