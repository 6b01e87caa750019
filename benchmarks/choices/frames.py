"""Frames of images of one size: one by one, scaled together, or tested together as well."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.limits import requests
from benchmarks.limits.decoding import microseconds
from digits_server.frames import (
    BOX_SIZE,
    FRAME_SIZE,
    TOLERANCE_PIXELS,
    make_frame,
    make_frames,
)

PLACES = np.arange(FRAME_SIZE, dtype=np.float32) + 0.5


def all_at_once(grays: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the frames of (N, 28, 28) images: which meet the recipe is found by arrays too."""
    inked = grays.astype(np.bool_)
    frames = grays.astype(np.float32) / np.float32(255)
    sides = []
    for axis in (1, 2):
        has_ink: NDArray[np.bool_] = np.asarray(inked.any(axis=axis))
        first, last = has_ink.argmax(axis=1), has_ink[:, ::-1].argmax(axis=1)
        sides.append(np.where(has_ink.any(axis=1), FRAME_SIZE - first - last, 0))
    is_frame = np.abs(np.maximum(sides[0], sides[1]) - BOX_SIZE) <= TOLERANCE_PIXELS
    totals = np.maximum(frames.sum(axis=(1, 2)), np.float32(1e-6))
    for axis in (1, 2):
        middles = frames.sum(axis=axis) @ PLACES / totals
        is_frame &= np.abs(middles - FRAME_SIZE / 2) <= TOLERANCE_PIXELS
    for place in np.flatnonzero(~is_frame):
        frames[place] = make_frame(grays[place])
    return frames


def measure(rounds: int) -> Choice:
    """Frame a batch of raw images each way, those that fit and those that have to be scaled."""
    framings: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.float32]]] = {
        "one by one": lambda grays: np.stack([make_frame(gray) for gray in grays]),
        "tested one by one": lambda grays: make_frames(list(grays)),
        "all at once": all_at_once,
    }
    ways = {}
    for form, name in ((requests.Form.RAW28, "fits"), (requests.Form.DRAWN28, "scaled")):
        grays = np.stack([requests.gray(image) for image in requests.batch(form)])
        singly = framings["one by one"](grays)
        for way, framing in framings.items():
            if not np.array_equal(singly, framing(grays)):
                raise AssertionError(f"{way}: other frames")
            ways[f"{name}: {way}"] = lambda framing=framing, grays=grays: (
                microseconds(lambda: framing(grays)) / len(grays)
            )
    return Choice(
        "frames",
        "Are images of one size framed one by one?",
        "tested one by one",
        "µs an image",
        is_less_better=True,
        ways=in_turn(ways, rounds),
        note="Of 28 x 28, 256 together. `fits`: what MNIST's own are like; `scaled`: has to be made"
        " so. Tested one by one, those that fit are scaled to 0..1 together.",
    )
