"""Digits, letters and signs recorded as pen strokes by writers of many places.

I. Guyon, L. Schomaker, R. Plamondon, M. Liberman and S. Janet, "UNIPEN project of on-line data
exchange and recognizer benchmarks", ICPR 1994; train_r01_v07, categories 1a to 1d. The license
file of the copy says CC BY 4.0, its older readme says research use.
"""

import zlib
from pathlib import Path
from typing import Final

from .datasets import data_folder
from .recordings import Part, Recording, load_recordings

UNIPEN_DIGITS_FILE: Final = "unipen-train-digits.jsonl.gz"
UNIPEN_SIGNS_FILE: Final = "unipen-train-signs.jsonl.gz"

# About one percent of the digits that IBM collected lack a stroke, and all of them have few
# points per stroke.
_EXCLUDED_WRITERS: Final = "ibm-"

# Characters whose usual handwriting passes for a digit. They were selected by eye from drawings
# of every character, not by any network's predictions, and are used neither for training nor
# for evaluation. A Q is a zero with a short slash. Commas, brackets and full stops fill their box
# as a bar does.
DIGIT_LOOKALIKES: Final = {
    0: "OoQ",
    1: "Il|/\\'`(),.",
    2: "Zz",
    3: "}",
    5: "Ss",
    6: "bG",
    8: "B",
    9: "gq",
}


def load_unipen_digits(data_dir: Path | None = None, part: Part | None = None) -> list[Recording]:
    """Load the digits, or those by the writers of a part, in the order of the file.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    return _load(data_folder(data_dir) / UNIPEN_DIGITS_FILE, part)


def load_unipen_signs(data_dir: Path | None = None, part: Part | None = None) -> list[Recording]:
    """Load the letters and signs that do not look like digits, as ``load_unipen_digits`` does.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    lookalikes = "".join(DIGIT_LOOKALIKES.values())
    signs = _load(data_folder(data_dir) / UNIPEN_SIGNS_FILE, part)
    return [sign for sign in signs if sign.character not in lookalikes]


def _load(path: Path, part: Part | None) -> list[Recording]:
    return [
        each
        for each in load_recordings(path)
        if not each.writer.startswith(_EXCLUDED_WRITERS)
        and (part is None or part_of(each.writer) == part)
    ]


def part_of(writer: str) -> Part:
    """Return the part that a writer belongs to: a tenth each are held out, by a hash of the name.

    Digits and signs share their writers. The hash was fixed before any training.
    """
    parts: dict[int, Part] = {0: "validation", 1: "test"}
    return parts.get(zlib.crc32(writer.encode()) % 10, "training")
