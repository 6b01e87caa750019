"""Sets of images of numbers for evaluation: drawn, by unseen writers, and people's own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import decode

from . import pendigits, unipen
from .datasets import DatasetError
from .drawn_sets import HeldOutPart
from .eval_set import LIMITS, Gray, load_own_files, short_path
from .recordings import Recording
from .scenes.numbers import NUMBER_KINDS, draw_number
from .strip_examples import choose_digits, writers_of

NUMBERS_PER_KIND: Final = 200

_SEEDS: Final[dict[HeldOutPart, int]] = {"test": 22, "validation": 23}


@dataclass(frozen=True)
class NumberSet:
    """Images of numbers with their texts."""

    name: str
    """Identifier: ``numbers-spaced``, ``wild-numbers`` ..."""

    title: str
    """Name in tables and reports."""

    images: list[Gray]
    """Images, each (H, W) uint8, of any size."""

    texts: list[str]
    """The text of each, such as ``2026``."""

    files: list[bytes] = field(default_factory=list)
    """The files that the images were decoded from; empty for images that were never files."""

    paths: list[str] = field(default_factory=list)
    """Folder and name of each file; empty for images that have none."""

    def image_name(self, index: int) -> str:
        """Return folder and file of an image, or its place in the set."""
        return self.paths[index] if self.paths else f"image {index}"


def drawn_number_sets(data_dir: Path | None, part: HeldOutPart = "test") -> list[NumberSet]:
    """Return 200 numbers of each kind, each of 2 to 6 digits by one writer.

    Raises:
        DatasetError: The pen strokes are missing or cannot be read.
    """
    digits = pendigits.load_pendigits(data_dir, part) + unipen.load_unipen_digits(data_dir, part)
    writers = writers_of(digits)
    return [_draw_set(kind, writers, part) for kind in NUMBER_KINDS]


def own_number_set(data_dir: Path | None) -> NumberSet:
    """Return people's own images of numbers: the files in ``wild-numbers/``, with their labels.

    Raises:
        DatasetError: The images are missing, or one of them cannot be read.
    """
    rows, files = load_own_files(data_dir, "wild-numbers")
    try:
        texts = [str(row["label"]) for row in rows]
        images = [decode(file, LIMITS).gray for file in files]
    except (KeyError, InvalidArgumentError) as error:
        raise DatasetError(f"people's own numbers cannot be read: {error}") from error
    paths = [short_path(f"wild-numbers/{row['file']}") for row in rows]
    return NumberSet("wild-numbers", "People's own numbers", images, texts, files, paths)


def available_number_sets(data_dir: Path | None) -> tuple[list[NumberSet], list[str]]:
    """Return the test sets whose data is available, and a note about each that is skipped."""
    sets: list[NumberSet] = []
    notes = []
    for load in (drawn_number_sets, lambda data_dir: [own_number_set(data_dir)]):
        try:
            sets += load(data_dir)
        except DatasetError as error:
            notes.append(f"skipped: {error}")
    return sets, notes


def _draw_set(kind: str, writers: list[list[Recording]], part: HeldOutPart) -> NumberSet:
    # A generator for each kind, so that a new kind leaves the others as they are.
    random = np.random.default_rng((_SEEDS[part], *kind.encode()))
    images, texts = [], []
    for _ in range(NUMBERS_PER_KIND):
        digits = choose_digits(writers, random)
        images.append(draw_number(kind, [digit.strokes for digit in digits], random).pixels)
        texts.append("".join(str(digit.label) for digit in digits))
    return NumberSet(f"numbers-{kind}", f"Numbers: {kind}", images, texts)
