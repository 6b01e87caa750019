"""Examples drawn with a pen on a canvas or a simulated photo: digits, letters and signs."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_server.preprocessing.search import find_readings

from . import canvases, stroke_templates
from .canvases import Points
from .examples import Examples, Frames, stack, to_bytes
from .frame_jobs import run_jobs
from .frame_similarity import MIN_SAME, similarity
from .other_hands import rewrite
from .recordings import NOT_A_DIGIT, Recording

Item = TypeVar("Item")

OTHER_HANDS_SHARE: Final = 0.5
"""Share of the recordings that are drawn as by another hand."""
PHOTO_SHARE: Final = 0.4
"""Share of the canvases of which a photo is simulated."""


def from_redrawn_images(images: Frames, labels: NDArray[np.uint8], seed: int) -> Examples:
    """Enlarge small images with other pens, on a canvas or a simulated photo, and normalize."""
    return Examples(make_frames(redraw_image, list(images), seed), labels)


def from_letters(images: Frames, seed: int, *, copies: int = 1) -> Examples:
    """Redraw letters ``copies`` times, and normalize; blank frames are dropped."""
    items = [image for image in images for _ in range(copies)]
    return as_non_digits(make_frames(redraw_image, items, seed))


def from_recordings(recordings: Sequence[Recording], seed: int, *, copies: int = 1) -> Examples:
    """Draw pen strokes ``copies`` times, each time differently, often as by another hand."""
    items = [recording for recording in recordings for _ in range(copies)]
    return Examples(make_frames(_draw_recording, items, seed), _labels(recordings).repeat(copies))


def from_recordings_as_written(recordings: Sequence[Recording], seed: int) -> Examples:
    """Draw pen strokes as the test set does, with pens of 8 to 28 px on 300 px, and normalize."""
    items = [recording.strokes for recording in recordings]
    return Examples(make_frames(_draw_strokes_as_written, items, seed), _labels(recordings))


def from_templates(count: int, seed: int) -> Examples:
    """Draw digits after stroke templates, equally many of each digit, and normalize."""
    labels = np.arange(count, dtype=np.uint8) % 10
    return Examples(make_frames(_draw_template, labels.tolist(), seed), labels)


def make_frames(
    make: Callable[[Item, np.random.Generator], Frames], items: Sequence[Item], seed: int
) -> Frames:
    """Return the (N, 28, 28) frames of N items, as ``run_jobs`` does."""
    return stack(run_jobs(make, items, seed))


def as_non_digits(frames: Frames) -> Examples:
    """Return frames with the label NOT_A_DIGIT; blank ones are dropped."""
    frames = frames[frames.any(axis=(1, 2))]
    return Examples(frames, np.full(len(frames), NOT_A_DIGIT, np.uint8))


def draw_strokes(strokes: Sequence[Points], random: np.random.Generator) -> Frames:
    """Return the frame of strokes that are drawn on a canvas, or often of a photo of it."""
    return _frame_of_photo(canvases.draw_strokes(strokes, random), random)


def redraw_image(image: Frames, random: np.random.Generator) -> Frames:
    """Return the frame of a small image that is enlarged, or often of a photo of it."""
    return _frame_of_photo(canvases.redraw_image(image, random), random)


def _labels(recordings: Sequence[Recording]) -> NDArray[np.uint8]:
    return np.array([recording.label for recording in recordings], np.uint8)


def _draw_recording(recording: Recording, random: np.random.Generator) -> Frames:
    return draw_strokes(rewrite(recording, OTHER_HANDS_SHARE, random), random)


def _draw_template(digit: int, random: np.random.Generator) -> Frames:
    return draw_strokes(stroke_templates.write_digit(digit, random), random)


def _draw_strokes_as_written(strokes: Sequence[Points], random: np.random.Generator) -> Frames:
    return to_bytes(normalize(canvases.draw_strokes_as_written(strokes, random)))


def _frame_of_photo(canvas: NDArray[np.uint8], random: np.random.Generator) -> Frames:
    """Return the frame of a canvas, or often of a simulated photo of it."""
    frame = normalize(canvas)
    if random.random() < PHOTO_SHARE:
        photo = canvases.simulate_photo(canvas, random)
        # Of the readings of a photo, the one that shows the same as the canvas does.
        readings = [reading.frame for reading in find_readings(photo).readings]
        similarities = [similarity(frame, each) for each in readings]
        if max(similarities, default=0) >= MIN_SAME:
            frame = readings[int(np.argmax(similarities))]
    return to_bytes(frame)
