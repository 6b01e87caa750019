"""Handwritten digits recorded as pen strokes on a tablet.

E. Alpaydin and F. Alimoglu, "Pen-Based Recognition of Handwritten Digits", UCI Machine
Learning Repository, data set 81, doi:10.24432/C5MG6K (CC BY 4.0). Only the part with the 30
training writers is used.
"""

from pathlib import Path
from typing import Final

from .datasets import data_folder
from .recordings import Recording, load_recordings, of_writers

__all__ = (
    "PENDIGITS_FILE",
    "TEST_WRITERS",
    "VALIDATION_WRITERS",
    "Recording",
    "load_pendigits",
    "of_writers",
)

PENDIGITS_FILE: Final = "pendigits-train-strokes.jsonl.gz"

# Digits differ far more between writers than within one writer, so these writers are held
# out completely. They were chosen once, by number, before any training.
VALIDATION_WRITERS: Final = frozenset(f"pen-train-{number}" for number in (3, 11, 19))
TEST_WRITERS: Final = frozenset(f"pen-train-{number}" for number in (5, 9, 14, 22, 27))


def load_pendigits(data_dir: Path | None = None) -> list[Recording]:
    """Load all recordings, in the order of the file; the writing box is about 500 units wide.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    return load_recordings(data_folder(data_dir) / PENDIGITS_FILE)
