"""Handwritten digits recorded as pen strokes on a tablet.

E. Alpaydin and F. Alimoglu, "Pen-Based Recognition of Handwritten Digits", UCI Machine
Learning Repository, data set 81, doi:10.24432/C5MG6K (CC BY 4.0). Only the part with the 30
training writers is used.
"""

from pathlib import Path
from typing import Final

from .datasets import data_folder
from .recordings import Part, Recording, load_recordings

PENDIGITS_FILE: Final = "pendigits-train-strokes.jsonl.gz"

# Digits differ far more between writers than within one writer, so these writers are held
# out completely. They were chosen once, by number, before any training.
VALIDATION_WRITERS: Final = frozenset(f"pen-train-{number}" for number in (3, 11, 19))
TEST_WRITERS: Final = frozenset(f"pen-train-{number}" for number in (5, 9, 14, 22, 27))


def load_pendigits(data_dir: Path | None = None, part: Part | None = None) -> list[Recording]:
    """Load the recordings, or those by the writers of a part, in the order of the file.

    The writing box is about 500 units wide.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    recordings = load_recordings(data_folder(data_dir) / PENDIGITS_FILE)
    return [each for each in recordings if part is None or part_of(each.writer) == part]


def part_of(writer: str) -> Part:
    """Return the part that a writer belongs to."""
    if writer in VALIDATION_WRITERS:
        return "validation"
    return "test" if writer in TEST_WRITERS else "training"
