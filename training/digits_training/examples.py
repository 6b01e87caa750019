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
from PIL import Image

from digits_server.preprocessing.gray import to_gray
from digits_server.preprocessing.normalize import FRAME_SIZE, normalize
from digits_server.preprocessing.pieces import APART, PARTS, STRUCTURE
from digits_server.preprocessing.readings import EVEN, find_readings

from . import canvases, fragments, scribbles, stroke_templates
from .recordings import NO_WRITING, Recording
from .recordings import NOT_A_DIGIT as NOT_A_DIGIT
from .scenes import BLANK_KINDS, draw_blank, draw_scene

Frames = NDArray[np.uint8]

LabeledFrames = tuple[Frames, NDArray[np.uint8]]

# Softened frames whose correlation is at least and at most so high show the same and something else.
SLASHED_SHARE: Final = 0.5
PHOTO_SHARE: Final = 0.4
MIN_SIMILARITY: Final = 0.94
MAX_DIFFERENT: Final = 0.85

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

    def with_labels(self, *labels: int) -> "Examples":
        """Return the examples that have one of the labels."""
        return self.take(np.flatnonzero(np.isin(self.labels, labels)))

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


def from_joined(recordings: Sequence[Recording], count: int, seed: int) -> Examples:
    """Draw two or three digits as one, which is not a digit, and normalize."""
    random = np.random.default_rng(seed)
    items = [
        [
            recordings[index].strokes
            for index in random.integers(0, len(recordings), 2 + (n % 4 == 0))
        ]
        for n in range(count)
    ]
    return _not_digits(_make_frames(_draw_joined, items, seed))


def from_fragments(recordings: Sequence[Recording], count: int, seed: int) -> Examples:
    """Draw parts of digits, which are not digits, and normalize; bars are dropped."""
    random = np.random.default_rng(seed)
    cut = [recording for recording in recordings if recording.label in fragments.CUT_DIGITS]
    items = [cut[index].strokes for index in random.integers(0, len(cut), count)]
    frames = _make_frames(_draw_fragment, items, seed)
    is_bar = np.array([_is_bar(frame / np.float32(255)) for frame in frames])
    return _not_digits(frames[~is_bar])


def from_letters(images: Frames, seed: int, *, copies: int = 1) -> Examples:
    """Redraw letters ``copies`` times, and normalize; blank frames are dropped."""
    items = [image for image in images for _ in range(copies)]
    return _not_digits(_make_frames(_redraw_image, items, seed))


def from_scenes(
    recordings: Sequence[Recording], kinds: Sequence[str], seed: int, *, copies: int = 1
) -> Examples:
    """Draw scenes, and make the frames of all their readings.

    A reading that shows the character as it was drawn gets its label; one that shows something else
    gets NO_WRITING. A reading that is neither is dropped.
    """
    random = np.random.default_rng(seed)
    others = [kind for kind in kinds if kind != "slashed"]
    items = [
        (recording, _choose_kind(recording, others, random))
        for recording in recordings
        for _ in range(copies)
    ]
    parts = _run_jobs(_read_scene, items, seed)
    if not parts:
        return Examples(np.empty((0, FRAME_SIZE, FRAME_SIZE), np.uint8), np.empty(0, np.uint8))
    return Examples(
        np.concatenate([frames for frames, _ in parts]),
        np.concatenate([labels for _, labels in parts]),
    )


def from_blanks(count: int, seed: int) -> Examples:
    """Draw images without writing, and make the frames of all their readings."""
    items = [BLANK_KINDS[number % len(BLANK_KINDS)] for number in range(count)]
    frames = np.concatenate(_run_jobs(_read_blank, items, seed))
    return Examples(frames, np.full(len(frames), NO_WRITING, np.uint8))


def _read_blank(kind: str, random: np.random.Generator) -> Frames:
    readings, _ = find_readings(_to_gray(draw_blank(kind, random)))
    frames = [np.rint(reading.frame * 255) for reading in readings]
    return np.array(frames, np.uint8).reshape(-1, FRAME_SIZE, FRAME_SIZE)


def _choose_kind(recording: Recording, kinds: Sequence[str], random: np.random.Generator) -> str:
    if recording.label == 0 and random.random() < SLASHED_SHARE:
        return "slashed"
    return str(random.choice(kinds))


def _read_scene(item: tuple[Recording, str], random: np.random.Generator) -> LabeledFrames:
    recording, kind = item
    scene = draw_scene(kind, recording.strokes, random)
    ideal = _soften(normalize(scene.clean))
    frames, labels = [], []
    for reading in find_readings(_to_gray(scene.pixels))[0]:
        softened = _soften(reading.frame)
        similarity = float((ideal * softened).sum())
        source, part = divmod(reading.kind, len(PARTS))
        if similarity >= MIN_SIMILARITY or (
            kind == "underlined" and source == EVEN and part != APART and part != STRUCTURE
        ):
            label = recording.label
        elif similarity < MAX_DIFFERENT:
            label = NO_WRITING
        else:
            continue
        frames.append(np.asarray(np.rint(reading.frame * 255), np.uint8))
        labels.append(label)
    return np.array(frames, np.uint8).reshape(-1, FRAME_SIZE, FRAME_SIZE), np.array(
        labels, np.uint8
    )


def _to_gray(pixels):
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        return pixels
    return to_gray(Image.fromarray(pixels))


def _soften(frame):
    soft = cv2.GaussianBlur(frame, (0, 0), 1.2)
    return soft / max(float(np.linalg.norm(soft)), 1e-6)


def _is_bar(frame):
    _, _, width, height = cv2.boundingRect((frame > 0.2).view(np.uint8))
    return width < 0.35 * height


def _labels(recordings: Sequence[Recording]) -> NDArray[np.uint8]:
    return np.array([recording.label for recording in recordings], np.uint8)


def _not_digits(frames: Frames) -> Examples:
    frames = frames[frames.any(axis=(1, 2))]
    return Examples(frames, np.full(len(frames), NOT_A_DIGIT, np.uint8))


def _frame(gray: Frames) -> Frames:
    return np.asarray(np.rint(normalize(gray) * 255), np.uint8)


MakeFrame = Callable[[Any, np.random.Generator], Frames]


def _redraw_image(image: Frames, random: np.random.Generator) -> Frames:
    return _frame_of_photo(canvases.redraw_image(image, random), random)


def _draw_strokes(strokes: Sequence[canvases.Points], random: np.random.Generator) -> Frames:
    return _frame_of_photo(canvases.draw_strokes(strokes, random), random)


def _draw_template(digit: int, random: np.random.Generator) -> Frames:
    return _draw_strokes(stroke_templates.write_digit(digit, random), random)


def _draw_strokes_as_written(
    strokes: Sequence[canvases.Points], random: np.random.Generator
) -> Frames:
    return _frame(canvases.draw_strokes_as_written(strokes, random))


def _draw_joined(
    digits: Sequence[Sequence[canvases.Points]], random: np.random.Generator
) -> Frames:
    return _draw_strokes(fragments.join(digits, random), random)


def _draw_fragment(strokes: Sequence[canvases.Points], random: np.random.Generator) -> Frames:
    parts = fragments.cut(strokes, random)
    return _draw_strokes(parts, random) if parts else np.zeros((FRAME_SIZE, FRAME_SIZE), np.uint8)


def _draw_scribble(_: None, random: np.random.Generator) -> Frames:
    return _draw_strokes(scribbles.scribble(random), random)


def _frame_of_photo(canvas: Frames, random: np.random.Generator) -> Frames:
    """Return the frame of a canvas, or often of a simulated photo of it."""
    frame = normalize(canvas)
    if random.random() < PHOTO_SHARE:
        photo = canvases.simulate_photo(canvas, random)
        # Of the readings of a photo, the one that shows the same as the canvas does.
        ideal = _soften(frame)
        readings = [reading.frame for reading in find_readings(photo)[0]]
        similarities = [float((ideal * _soften(each)).sum()) for each in readings]
        if max(similarities, default=0) >= MIN_SIMILARITY:
            frame = readings[int(np.argmax(similarities))]
    return np.asarray(np.rint(frame * 255), np.uint8)


def _make_frames(make: MakeFrame, items: Sequence[Any], seed: int) -> Frames:
    """Return the frames of all items, made in as many processes as there are cores."""
    parts = _run_jobs(make, items, seed)
    return np.stack(parts) if parts else np.empty((0, FRAME_SIZE, FRAME_SIZE), np.uint8)


def _run_jobs(make, items, seed):
    jobs = [
        (make, items[at : at + _JOB_SIZE], np.random.SeedSequence((seed, at)))
        for at in range(0, len(items), _JOB_SIZE)
    ]
    if len(jobs) <= 1:
        return [result for job in jobs for result in _run_job(job)]
    # Spawned, because a fork of a process with TensorFlow's threads hangs.
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        return [result for results in processes.map(_run_job, jobs) for result in results]


def _run_job(job: tuple[MakeFrame, Sequence[Any], np.random.SeedSequence]) -> Frames:
    make, items, seed = job
    cv2.setNumThreads(1)  # there is a process for each core already
    random = np.random.default_rng(seed)
    return [make(item, random) for item in items]
