"""Characters recorded as pen strokes: gzipped files with a JSON object per line."""

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .datasets import DatasetError

NOT_A_DIGIT: Final = 10
"""Label of ink that is not a digit: the network's eleventh class."""

NO_WRITING: Final = 11
"""Label of what is not even ink, or is ink that was cut out wrongly: the twelfth class."""

Part = Literal["training", "validation", "test"]
"""A part of a data set, by its writers; each writer belongs to one part."""

_DIGITS: Final = "0123456789"


@dataclass(frozen=True)
class Recording:
    """One recorded character."""

    character: str
    """A digit, a letter or a sign."""

    writer: str
    """Name of the writer, unique among all data sets."""

    strokes: tuple[NDArray[np.float32], ...]
    """Strokes, each (N, 2): x to the right, y down; the unit differs between data sets."""

    @property
    def label(self) -> int:
        """The digit, or NOT_A_DIGIT."""
        return _DIGITS.index(self.character) if self.character in _DIGITS else NOT_A_DIGIT


def load_recordings(path: Path) -> list[Recording]:
    """Load all recordings of a file, in its order.

    Raises:
        DatasetError: The file is missing or empty, or is not such a file.
    """
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
        character=str(values["label"]),
        writer=str(values["writer"]),
        strokes=tuple(np.asarray(stroke, np.float32) for stroke in values["strokes"] if stroke),
    )
