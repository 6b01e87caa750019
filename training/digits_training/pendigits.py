"""Handwritten digits recorded as pen strokes on a tablet.

E. Alpaydin and F. Alimoglu, "Pen-Based Recognition of Handwritten Digits", UCI Machine
Learning Repository, data set 81, doi:10.24432/C5MG6K (CC BY 4.0). Only the part with the 30
training writers is used.
"""

import gzip
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .datasets import DatasetError, data_folder

PENDIGITS_FILE: Final = "pendigits-train-strokes.jsonl.gz"

# Digits differ far more between writers than within one writer, so these writers are held
# out completely. They were chosen once, by number, before any training.
VALIDATION_WRITERS: Final = frozenset({3, 11, 19})
TEST_WRITERS: Final = frozenset({5, 9, 14, 22, 27})


@dataclass(frozen=True)
class Recording:
    """One recorded digit."""

    label: int
    writer: int
    strokes: tuple[NDArray[np.float32], ...]
    """Strokes, each (N, 2): x to the right, y down; the writing box is about 500 units wide."""


def load_pendigits(data_dir: Path | None = None) -> list[Recording]:
    """Load all recordings, in the order of the file.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    path = data_folder(data_dir) / PENDIGITS_FILE
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            recordings = [_recording(json.loads(line)) for line in lines]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read as pen strokes: {error}") from error
    if not recordings:
        raise DatasetError(f"{path} cannot be read as pen strokes: it is empty")
    return recordings


def _recording(values: dict[str, Any]) -> Recording:
    return Recording(
        label=int(values["label"]),
        writer=int(values["writer"].rpartition("-")[2]),  # "pen-train-7" is writer 7
        strokes=tuple(np.asarray(stroke, np.float32) for stroke in values["strokes"] if stroke),
    )


def of_writers(recordings: Sequence[Recording], writers: frozenset[int]) -> list[Recording]:
    """Return the recordings by the given writers."""
    return [recording for recording in recordings if recording.writer in writers]
