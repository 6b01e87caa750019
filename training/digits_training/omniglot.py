"""Letters of several alphabets, as examples of the class "not a digit".

B. Lake, R. Salakhutdinov and J. Tenenbaum, "Human-level concept learning through
probabilistic program induction", Science 350 (2015). MIT license.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .datasets import ARCHIVE_ERRORS, DatasetError, data_folder

OMNIGLOT_FILE: Final = "omniglot_small.npz"

# Alphabets held out of training: one for validation, two for the test.
VALIDATION_ALPHABETS: Final = frozenset({"Balinese"})
TEST_ALPHABETS: Final = frozenset({"Greek", "Tagalog"})

# Characters that look like digits: rings (0), bars (1), and shapes like 2 to 9. They were
# selected by eye, not by any network's predictions, and are used neither for training nor
# for evaluation.
DIGIT_LOOKALIKES: Final = {
    "Balinese": {5, 14},
    "Early_Aramaic": {2, 3, 4, 6, 10, 14, 16, 17, 20},
    "Greek": {4, 8, 9, 15, 17, 18},
    "Japanese_(katakana)": {24, 27},
    "Korean": {19, 21, 22, 27, 33},
    "Latin": {1, 2, 7, 9, 12, 15, 17, 19, 25, 26},
    "Tagalog": {3, 16},
}


@dataclass(frozen=True)
class Letters:
    """Drawings of letters with their alphabets."""

    images: NDArray[np.uint8]
    """(N, 56, 56), ink 255 on 0."""

    alphabets: NDArray[np.str_]
    """(N,) names of the alphabets."""

    def select(self, alphabets: frozenset[str]) -> "Letters":
        """Return the letters of the given alphabets."""
        which = np.isin(self.alphabets, list(alphabets))
        return Letters(self.images[which], self.alphabets[which])

    def training(self) -> "Letters":
        """Return the letters of the alphabets that are not held out."""
        which = ~np.isin(self.alphabets, list(VALIDATION_ALPHABETS | TEST_ALPHABETS))
        return Letters(self.images[which], self.alphabets[which])


def load_omniglot(data_dir: Path | None = None) -> Letters:
    """Load all letters except those that look like digits.

    Raises:
        DatasetError: The file is missing or is not this data set.
    """
    path = data_folder(data_dir) / OMNIGLOT_FILE
    try:
        with np.load(path, allow_pickle=False) as archive:
            images, names = archive["x"], archive["y"]  # names are like "Latin/character12"
    except (*ARCHIVE_ERRORS, KeyError) as error:
        raise DatasetError(f"{path} cannot be read as letters: {error}") from error
    alphabets = np.array([name.partition("/")[0] for name in names])
    numbers = [int(name[-2:]) for name in names]
    is_letter = [
        number not in DIGIT_LOOKALIKES.get(alphabet, ())
        for alphabet, number in zip(alphabets.tolist(), numbers, strict=True)
    ]
    return Letters(images[is_letter], alphabets[is_letter])
