"""The frames that a network learns from, is chosen by and is measured on.

Every image here, drawn or scanned, becomes a frame by the function that the server uses.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE, normalize

from . import canvases, scribbles, stroke_templates
from .pendigits import Recording

NOT_A_DIGIT: Final = 10
"""The label of what is no digit: the network's eleventh class."""

Frames = NDArray[np.uint8]

# Images a job of another process; each job has a random generator of its own, so that the
# frames are the same whatever the number of processes.
_JOB_COUNT: Final = 500


@dataclass(frozen=True)
class Examples:
    """Frames with their labels."""

    frames: Frames
    """(N, 28, 28), ink 255 on 0: a byte a pixel, since there are many."""

    labels: NDArray[np.uint8]
    """(N,), 0..9, or NOT_A_DIGIT."""

    def take(self, which: NDArray[np.intp]) -> "Examples":
        """Return the examples at the given places."""
        return Examples(self.frames[which], self.labels[which])

    def split(self, count: int, seed: int) -> tuple["Examples", "Examples"]:
        """Return all but ``count`` examples, and those, drawn at random."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return self.take(order[count:]), self.take(order[:count])

    def inputs(self) -> NDArray[np.float32]:
        """Return the frames as a network takes them: (N, 28, 28, 1) in 0..1."""
        return inputs(self.frames)


def inputs(frames: Frames) -> NDArray[np.float32]:
    """Return (N, 28, 28) bytes as a network takes them: (N, 28, 28, 1) in 0..1."""
    return frames[..., None].astype(np.float32) / np.float32(255)


def joined(parts: Sequence[Examples]) -> Examples:
    """Return examples one after the other."""
    return Examples(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def of_images(images: Iterable[Frames], labels: NDArray[np.uint8]) -> Examples:
    """Frame images as they are, each (H, W)."""
    return Examples(np.stack([_frame(image) for image in images]), labels)


def of_redrawn_images(
    images: Frames, labels: NDArray[np.uint8], seed: int, *, copies: int = 1
) -> Examples:
    """Frame images after drawing each large, with other pens, on a canvas or on paper."""
    frames = _in_processes(_redraw, [image for image in images for _ in range(copies)], seed)
    return Examples(frames, labels.repeat(copies))


def of_recordings(recordings: Sequence[Recording], seed: int, *, copies: int = 1) -> Examples:
    """Frame pen strokes after drawing them, each ``copies`` times in another way."""
    items = [recording.strokes for recording in recordings for _ in range(copies)]
    labels = np.array([recording.label for recording in recordings], np.uint8)
    return Examples(_in_processes(_draw, items, seed), labels.repeat(copies))


def of_recordings_on_300(recordings: Sequence[Recording], seed: int) -> Examples:
    """Frame pen strokes as written, with pens of 8 to 24 pixels on canvases of 300: the test."""
    items = [recording.strokes for recording in recordings]
    labels = np.array([recording.label for recording in recordings], np.uint8)
    return Examples(_in_processes(_draw_plainly, items, seed), labels)


def of_habits(count: int, seed: int) -> Examples:
    """Frame made-up digits, written in the ways of many places, as many of each digit."""
    labels = np.arange(count, dtype=np.uint8) % 10
    return Examples(_in_processes(_write, labels.tolist(), seed), labels)


def of_scribbles(count: int, seed: int) -> Examples:
    """Frame made-up shapes that are no digits."""
    return _not_digits(_in_processes(_scribble, [None] * count, seed))


def of_letters(images: Frames, seed: int, *, copies: int = 1) -> Examples:
    """Frame letters, redrawn in many ways."""
    items = [image for image in images for _ in range(copies)]
    return _not_digits(_in_processes(_redraw, items, seed))


def _not_digits(frames: Frames) -> Examples:
    frames = frames[frames.any(axis=(1, 2))]
    return Examples(frames, np.full(len(frames), NOT_A_DIGIT, np.uint8))


def _frame(gray: Frames) -> Frames:
    return np.asarray(np.rint(normalize(gray) * 255), np.uint8)


Maker = Callable[[Any, np.random.Generator], Frames]


def _redraw(image: Frames, random: np.random.Generator) -> Frames:
    return _frame(_perhaps_on_paper(canvases.canvas_of_image(image, random), random))


def _draw(strokes: Sequence[canvases.Points], random: np.random.Generator) -> Frames:
    return _frame(_perhaps_on_paper(canvases.canvas_of_strokes(strokes, random), random))


def _write(digit: int, random: np.random.Generator) -> Frames:
    return _draw(stroke_templates.habit(digit, random), random)


def _draw_plainly(strokes: Sequence[canvases.Points], random: np.random.Generator) -> Frames:
    return _frame(canvases.plain_canvas(strokes, random))


def _scribble(_: None, random: np.random.Generator) -> Frames:
    return _draw(scribbles.scribble(random), random)


def _perhaps_on_paper(canvas: Frames, random: np.random.Generator) -> Frames:
    return canvases.on_paper(canvas, random) if random.random() < 0.4 else canvas


def _in_processes(make: Maker, items: Sequence[Any], seed: int) -> Frames:
    jobs = [
        (make, items[at : at + _JOB_COUNT], np.random.SeedSequence((seed, at)))
        for at in range(0, len(items), _JOB_COUNT)
    ]
    if not jobs:
        return np.empty((0, FRAME_SIZE, FRAME_SIZE), np.uint8)
    if len(jobs) == 1:
        return _job(jobs[0])
    # Spawned: a fork of a process that has TensorFlow's threads hangs.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return np.concatenate(list(processes.map(_job, jobs)))


def _job(job: tuple[Maker, Sequence[Any], np.random.SeedSequence]) -> Frames:
    make, items, seed = job
    cv2.setNumThreads(1)  # the processes are the threads; alone, it is fast enough
    random = np.random.default_rng(seed)
    return np.stack([make(item, random) for item in items])
