"""The strips that the line network learns from, and those that are held out."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import strip_examples
from .datasets import Mnist
from .drawing_progress import log_drawing
from .examples import Examples
from .mixture import load_strokes
from .recordings import Recording
from .run_folder import save_arrays
from .strip_examples import StripExample

WRITTEN_COUNT: Final = 60_000
COMPOSED_COUNT: Final = 30_000
BLANK_COUNT: Final = 4000
"""Images that are drawn: numbers of strokes, numbers of scanned digits, and without writing."""
_HELD_OUT_SHARE: Final = 0.05
# Of views that show no character, such as the ground around them, so many are kept.
_EMPTY_SHARE: Final = 0.25

logger = logging.getLogger(__name__)


class StripMixture(NamedTuple):
    """Strips with their texts."""

    learned: list[StripExample]
    held_out: list[StripExample]
    """By other writers."""


def build_strips(
    mnist: Mnist, data_dir: Path | None, validation_count: int, seed: int
) -> StripMixture:
    """Draw numbers, and cut out their strips, using all cores.

    Args:
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes, as for ``load_mnist``.
        validation_count: Number of images held out of MNIST's training set.
        seed: Seed of everything random.

    Raises:
        DatasetError: The pen strokes cannot be read.
    """
    images = Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    strokes = [load_strokes("training", data_dir), load_strokes("validation", data_dir)]
    counts = [
        (WRITTEN_COUNT, COMPOSED_COUNT, BLANK_COUNT),
        tuple(
            round(_HELD_OUT_SHARE * count) for count in (WRITTEN_COUNT, COMPOSED_COUNT, BLANK_COUNT)
        ),
    ]
    totals = np.sum(counts, axis=0).tolist()
    logger.info("Drawing %s images to learn from", f"{sum(totals):,}")
    names = ("_read_number", "_read_composed", "_read_blank_strips")
    with log_drawing(logger, dict(zip(names, totals, strict=True))):
        learned, held_out = (
            _draw(strokes[part], images[part], counts[part], 2 * seed + part) for part in range(2)
        )
    return StripMixture(learned, held_out)


def _draw(
    strokes: Sequence[Sequence[Recording]], images: Examples, counts: Sequence[int], seed: int
) -> list[StripExample]:
    pen, unipen_digits, signs = strokes
    digits = [*pen, *unipen_digits]
    written, composed, blank = counts
    strips = [
        *strip_examples.from_recordings(digits, signs, written if digits else 0, seed),
        *strip_examples.from_digits(images.frames, images.labels, composed, seed),
        *strip_examples.from_blanks(blank, seed),
    ]
    is_kept = np.random.default_rng(seed).random(len(strips)) < _EMPTY_SHARE
    return [
        strip for strip, kept in zip(strips, is_kept.tolist(), strict=True) if strip.labels or kept
    ]


def save_strips(mixture: StripMixture, file: Path) -> None:
    """Write strips; a process that is killed meanwhile leaves no file."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, strips in zip(mixture._fields, mixture, strict=True):
        arrays |= {
            f"{name}.pixels": np.concatenate([each.strip for each in strips], axis=1),
            f"{name}.widths": np.array([each.strip.shape[1] for each in strips]),
            f"{name}.labels": np.array([label for each in strips for label in each.labels]),
            f"{name}.counts": np.array([len(each.labels) for each in strips]),
        }
    save_arrays(file, arrays)


def load_strips(file: Path) -> StripMixture:
    """Read what ``save_strips`` wrote."""
    with np.load(file) as arrays:
        return StripMixture(*(_unpack(arrays, name) for name in StripMixture._fields))


def _unpack(arrays: Any, name: str) -> list[StripExample]:
    ends = np.cumsum(arrays[f"{name}.widths"])[:-1]
    strips = np.split(arrays[f"{name}.pixels"], ends, axis=1)
    texts = np.split(arrays[f"{name}.labels"], np.cumsum(arrays[f"{name}.counts"])[:-1])
    return [
        StripExample(strip, tuple(text.tolist())) for strip, text in zip(strips, texts, strict=True)
    ]
