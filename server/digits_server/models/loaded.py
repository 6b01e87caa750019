"""A loaded model: predictions for frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .engine import DIGIT_COUNT, Engine
from .manifest import Manifest
from .predictions import Predictions, to_predictions


@dataclass(frozen=True)
class LoadedModel:
    """A model that has been checked, warmed up and self-tested."""

    manifest: Manifest
    engines: tuple[Engine, ...]
    """One for each thread that may call the model at the same time."""
    precision: str = "float32"
    """A key of ``MODEL_FILES``: the precision of the file that the engines run."""

    @property
    def image_seconds(self) -> float:
        """Duration of a call with one image."""
        return self.engines[0].image_seconds

    def predict(self, frames: NDArray[np.float32], core: int = 0) -> Predictions:
        """Return the predictions for any number of (N, 28, 28) frames.

        Frames without ink are not passed to the network.

        Args:
            frames: float32 in 0..1, as ``preprocessing.normalize`` makes them.
            core: Index of the engine to use. No two threads may use one engine at a time.
        """
        has_ink = np.asarray(frames.any(axis=(1, 2)))
        if has_ink.all() and len(frames):
            probs = self._probabilities(frames, core)
        else:
            probs = np.zeros((len(frames), DIGIT_COUNT), np.float32)
            if has_ink.any():
                probs[has_ink] = self._probabilities(frames[has_ink], core)[:, :DIGIT_COUNT]
        return to_predictions(
            frames, has_ink, probs, self.manifest.rejection_threshold, self.manifest.version
        )

    def _probabilities(self, frames: NDArray[np.float32], core: int) -> NDArray[np.float32]:
        probs = self.engines[core].predict(frames)
        if len(probs) != len(frames):
            raise RuntimeError(f"the model returned {len(probs)} rows for {len(frames)} frames")
        return probs
