"""A loaded model: predictions for gray images of any size, and for frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize_batch

from .engine import Engine
from .manifest import Manifest
from .postprocess import Prediction, blank_prediction, to_predictions

GrayImage: TypeAlias = NDArray[np.uint8]
"""(H, W), not yet normalized to a frame."""
Frame: TypeAlias = NDArray[np.float32]
"""(28, 28) in 0..1."""
ImageOrFrame: TypeAlias = GrayImage | Frame


@dataclass(frozen=True)
class LoadedModel:
    """A model that has been checked, warmed up and self-tested."""

    manifest: Manifest
    engine: Engine
    precision: str = "float32"
    """A key of ``MODEL_FILES``: the precision of the file that the engine runs."""

    def predict(self, images: Sequence[ImageOrFrame]) -> list[Prediction]:
        """Return the prediction for each of at least one image.

        Many images together take less time per image than a single one. Frames without ink are
        not passed to the engine.
        """
        frames = _to_frames(images)
        has_ink = np.asarray(frames.any(axis=(1, 2)))
        if has_ink.all():
            return self._predict_inked(frames)
        inked_predictions = iter(self._predict_inked(frames[has_ink]) if has_ink.any() else ())
        return [
            next(inked_predictions) if is_inked else blank_prediction(frame, self.manifest.version)
            for frame, is_inked in zip(frames, has_ink, strict=True)
        ]

    def _predict_inked(self, frames: NDArray[np.float32]) -> list[Prediction]:
        probs = self.engine.predict(frames)
        return to_predictions(
            frames, probs, self.manifest.rejection_threshold, self.manifest.version
        )


def _to_frames(images: Sequence[ImageOrFrame]) -> NDArray[np.float32]:
    """Return images as (N, 28, 28) frames; those that are frames already stay unchanged."""
    grays = [cast("GrayImage", image) for image in images if image.dtype == np.uint8]
    if not grays:
        return np.stack(images)
    normalized = normalize_batch(grays)
    if len(grays) == len(images):
        return normalized
    remaining = iter(normalized)
    return np.stack([next(remaining) if image.dtype == np.uint8 else image for image in images])
