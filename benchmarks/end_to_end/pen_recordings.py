"""Recorded strokes of writers that the model was not trained on, for the window and the page."""

import sys
from collections.abc import Sequence
from typing import Final

import numpy as np

from digits_client.draw.drawing import SHEET_HEIGHT
from digits_client.draw.strokes import Point
from digits_training.datasets import DatasetError
from digits_training.pendigits import load_pendigits
from digits_training.recordings import Recording

POINT_MILLISECONDS: Final = 10
"""Time between two points: the rate of a tablet."""
_SEED: Final = 5


def sample_recordings(count: int) -> tuple[list[Recording], list[float]]:
    """Return recordings, and the width of the pen for each, in pixels of the sheet.

    Raises:
        SystemExit: The recordings cannot be read.
    """
    random = np.random.default_rng(_SEED)
    try:
        unseen = load_pendigits(part="test")
    except DatasetError as error:
        sys.exit(f"{error}; DIGITS_DATA_DIR names the folder that has it")
    recordings = [unseen[index] for index in random.permutation(len(unseen))[:count]]
    # The pen's width relative to the sheet is that of 8 to 24 pixels on a sheet of 300.
    return recordings, (random.uniform(8, 24, count) * SHEET_HEIGHT / 300).tolist()


def scale_to_sheet(recording: Recording) -> list[list[Point]]:
    """Return the strokes of a recording, centered on the sheet at 70% of its side."""
    points = np.concatenate(recording.strokes)
    center = (points.max(0) + points.min(0)) / 2
    scale = 0.7 * SHEET_HEIGHT / np.ptp(points, axis=0).max()
    return [((stroke - center) * scale + SHEET_HEIGHT / 2).tolist() for stroke in recording.strokes]


def print_latencies(latencies_ms: Sequence[float], what: str) -> None:
    """Print how long it took from each movement of the pen to the result on the screen."""
    ordered = sorted(latencies_ms)
    p50, p95, p99 = (ordered[int(len(ordered) * p / 100)] for p in (50, 95, 99))
    print(
        f"from {what} on the screen, {len(ordered):,} movements: median {p50:.1f} ms, "
        f"p95 {p95:.1f} ms, p99 {p99:.1f} ms, longest {ordered[-1]:.1f} ms"
    )
