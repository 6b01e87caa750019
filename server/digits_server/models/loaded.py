"""A model that answers: from images of a frame's size, or any other, to predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize_batch

from .engine import Engine
from .manifest import Manifest
from .postprocess import Prediction, blank, to_predictions

Gray: TypeAlias = NDArray[np.uint8]
"""(H, W), still to be framed."""
Image: TypeAlias = Gray | NDArray[np.float32]
"""A gray image, or a (28, 28) frame in 0..1."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that has been checked, warmed and tried."""

    manifest: Manifest
    engine: Engine

    def predict(self, images: Sequence[Image]) -> list[Prediction]:
        """Return the answer to each of at least one image.

        They are worked on together, which costs each of many less than it costs alone.
        The engine is not asked about those without ink.
        """
        frames = _frames_of(images)
        version, threshold = self.manifest.version, self.manifest.rejection_threshold
        has_ink = np.asarray(frames.any(axis=(1, 2)))
        inked = frames if has_ink.all() else frames[has_ink]
        answers = (
            to_predictions(inked, self.engine.predict(inked), threshold, version)
            if len(inked)
            else []
        )
        if len(answers) == len(frames):
            return answers
        of_inked = iter(answers)
        return [
            next(of_inked) if inks else blank(frame, version)
            for frame, inks in zip(frames, has_ink, strict=True)
        ]


def _frames_of(images: Sequence[Image]) -> NDArray[np.float32]:
    grays = [cast("Gray", image) for image in images if image.dtype == np.uint8]
    if not grays:
        return np.stack(images)
    made = normalize_batch(grays)
    if len(grays) == len(images):
        return made
    of_grays = iter(made)
    return np.stack([next(of_grays) if image.dtype == np.uint8 else image for image in images])
