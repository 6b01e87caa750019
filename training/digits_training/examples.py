"""Frames with labels, for training, validation and test.

Every image, drawn or scanned, is normalized to a frame by the function that the server uses.
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
from .recordings import NOT_A_DIGIT as NOT_A_DIGIT
from .recordings import Recording

Frames = NDArray[np.uint8]

# Images per job. Each job has its own random generator, so the frames do not depend on the
# number of processes.
_JOB_SIZE: Final = 500


@dataclass(frozen=True)
class Examples:
    """Frames with their labels."""

    frames: Frames
    """(N, 28, 28), ink 255 on 0; bytes, because there are many."""

    labels: NDArray[np.uint8]
    """(N,), 0..9, or NOT_A_DIGIT."""

    def take(self, indices: NDArray[np.intp]) -> "Examples":
        """Return the examples at the given indices."""
        return Examples(self.frames[indices], self.labels[indices])

    def split(self, count: int, seed: int) -> tuple["Examples", "Examples"]:
        """Split off ``count`` random examples; return the others first."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return self.take(order[count:]), self.take(order[:count])

    def inputs(self) -> NDArray[np.float32]:
        """Return the frames as network inputs: (N, 28, 28, 1) in 0..1."""
        return inputs(self.frames)


def inputs(frames: Frames) -> NDArray[np.float32]:
    """Return (N, 28, 28) bytes as network inputs: (N, 28, 28, 1) in 0..1."""
    return frames[..., None].astype(np.float32) / np.float32(255)


def concatenate(parts: Sequence[Examples]) -> Examples:
    """Return all parts as one."""
    return Examples(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def from_images(images: Iterable[Frames], labels: NDArray[np.uint8]) -> Examples:
    """Normalize images, each (H, W)."""
    return Examples(np.stack([_frame(image) for image in images]), labels)


def from_redrawn_images(images: Frames, labels: NDArray[np.uint8], seed: int) -> Examples:
    """Enlarge small images with other pens, on a canvas or a simulated photo, and normalize."""
    return Examples(_make_frames(_redraw_image, list(images), seed), labels)


def from_recordings(recordings: Sequence[Recording], seed: int, *, copies: int = 1) -> Examples:
    """Draw pen strokes ``copies`` times, each time differently, and normalize."""
    items = [recording.strokes for recording in recordings for _ in range(copies)]
    return Examples(_make_frames(_draw_strokes, items, seed), _labels(recordings).repeat(copies))


def from_recordings_as_written(recordings: Sequence[Recording], seed: int) -> Examples:
    """Draw pen strokes as the test set does, with pens of 8 to 28 px on 300 px, and normalize."""
    items = [recording.strokes for recording in recordings]
    return Examples(_make_frames(_draw_strokes_as_written, items, seed), _labels(recordings))


def from_templates(count: int, seed: int) -> Examples:
    """Draw digits after stroke templates, equally many of each digit, and normalize."""
    labels = np.arange(count, dtype=np.uint8) % 10
    return Examples(_make_frames(_draw_template, labels.tolist(), seed), labels)


def from_scribbles(count: int, seed: int) -> Examples:
    """Draw shapes that are not digits, and normalize; blank frames are dropped."""
    return _not_digits(_make_frames(_draw_scribble, [None] * count, seed))


def from_letters(images: Frames, seed: int, *, copies: int = 1) -> Examples:
    """Redraw letters ``copies`` times, and normalize; blank frames are dropped."""
    items = [image for image in images for _ in range(copies)]
    return _not_digits(_make_frames(_redraw_image, items, seed))


def _labels(recordings: Sequence[Recording]) -> NDArray[np.uint8]:
    return np.array([recording.label for recording in recordings], np.uint8)


def _not_digits(frames: Frames) -> Examples:
    frames = frames[frames.any(axis=(1, 2))]
    return Examples(frames, np.full(len(frames), NOT_A_DIGIT, np.uint8))


def _frame(gray: Frames) -> Frames:
    return np.asarray(np.rint(normalize(gray) * 255), np.uint8)


MakeFrame = Callable[[Any, np.random.Generator], Frames]


def _redraw_image(image: Frames, random: np.random.Generator) -> Frames:
    return _frame(_maybe_photo(canvases.redraw_image(image, random), random))


def _draw_strokes(strokes: Sequence[canvases.Points], random: np.random.Generator) -> Frames:
    return _frame(_maybe_photo(canvases.draw_strokes(strokes, random), random))


def _draw_template(digit: int, random: np.random.Generator) -> Frames:
    return _draw_strokes(stroke_templates.write_digit(digit, random), random)


def _draw_strokes_as_written(
    strokes: Sequence[canvases.Points], random: np.random.Generator
) -> Frames:
    return _frame(canvases.draw_strokes_as_written(strokes, random))


def _draw_scribble(_: None, random: np.random.Generator) -> Frames:
    return _draw_strokes(scribbles.scribble(random), random)


def _maybe_photo(canvas: Frames, random: np.random.Generator) -> Frames:
    return canvases.simulate_photo(canvas, random) if random.random() < 0.4 else canvas


def _make_frames(make: MakeFrame, items: Sequence[Any], seed: int) -> Frames:
    """Return the frames of all items, made in as many processes as there are cores."""
    jobs = [
        (make, items[at : at + _JOB_SIZE], np.random.SeedSequence((seed, at)))
        for at in range(0, len(items), _JOB_SIZE)
    ]
    if not jobs:
        return np.empty((0, FRAME_SIZE, FRAME_SIZE), np.uint8)
    if len(jobs) == 1:
        return _run_job(jobs[0])
    # Spawned, because a fork of a process with TensorFlow's threads hangs.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return np.concatenate(list(processes.map(_run_job, jobs)))


def _run_job(job: tuple[MakeFrame, Sequence[Any], np.random.SeedSequence]) -> Frames:
    make, items, seed = job
    cv2.setNumThreads(1)  # there is a process for each core already
    random = np.random.default_rng(seed)
    return np.stack([make(item, random) for item in items])
