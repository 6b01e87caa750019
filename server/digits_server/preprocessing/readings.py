"""The readings of images: the plausible ways to tell ink from ground that were found in them."""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .pieces import MAX_PIECES, PARTS
from .reason import Reason
from .recipe import FRAME_SIZE
from .strips import Line

SOURCES: Final = (
    "image as it is",
    "ink on even ground",
    "dark ink",
    "light ink",
    "ink on even sheet",
    "dark ink on sheet",
    "light ink on sheet",
    "all that is dark",
    "all that is light",
)
AS_IT_IS, EVEN, DARK, LIGHT, SHEET, SHEET_DARK, SHEET_LIGHT, ALL_DARK, ALL_LIGHT = range(9)
READINGS: Final = tuple(source + part for source in SOURCES for part in PARTS)
"""The kinds of reading: of each source, each part of the ink."""

MAX_READINGS: Final = 7 * MAX_PIECES + 2
"""Most readings of an image: of the pieces on an even ground, of the dark and the light ones in the
image and on two sheets, of all that is dark and all that is light."""

FRAME_SHAPE: Final = (FRAME_SIZE, FRAME_SIZE)

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, width and height."""


class Reading(NamedTuple):
    """One way to see ink in an image."""

    kind: int
    """Index into ``READINGS``."""
    frame: NDArray[np.float32]
    """(28, 28) in 0..1."""
    box: Box
    """Where the ink is in the image."""


class Found(NamedTuple):
    """What has been found in an image."""

    readings: list[Reading]
    """The usual one first."""
    lines: list[Line]
    """The lines of digits of each view, from the top."""
    failure: Reason
    """Why there is ink and yet no reading."""


NOTHING: Final = Found([], [], Reason.UNSPECIFIED)
"""What is found in a blank image."""


class Readings(NamedTuple):
    """The readings of N images."""

    frames: NDArray[np.float32]
    """(R, 28, 28) in 0..1."""
    owners: NDArray[np.intp]
    """(R,) index of the image that each frame shows, in ascending order."""
    kinds: NDArray[np.uint8]
    """(R,) index into ``READINGS``."""
    boxes: NDArray[np.intp]
    """(R, 4) left, top, width and height in pixels of the image."""
    failures: NDArray[np.uint8]
    """(N,) ``Reason`` why an image has ink and yet no reading; 0 for every other image."""
    lines: list[Line]
    """The lines of digits, in the order of the images."""


def join_readings(found: Sequence[Found]) -> Readings:
    """Return what has been found in images as columns."""
    rows = [(index, reading) for index, each in enumerate(found) for reading in each.readings]
    frames = np.empty((len(rows), *FRAME_SHAPE), np.float32)
    for frame, (_, reading) in zip(frames, rows, strict=True):
        frame[:] = reading.frame
    return Readings(
        frames,
        np.array([index for index, _ in rows], np.intp),
        np.array([reading.kind for _, reading in rows], np.uint8),
        np.array([reading.box for _, reading in rows], np.intp).reshape(-1, 4),
        np.array([each.failure for each in found], np.uint8),
        [line._replace(image=index) for index, each in enumerate(found) for line in each.lines],
    )
