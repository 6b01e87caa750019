"""A loaded model: predictions for the images of frames."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.framing import Frames

from .engine import DIGIT_COUNT, Engine
from .line_engine import LineEngine
from .manifest import Manifest
from .predictions import Predictions, to_predictions


@dataclass(frozen=True)
class LoadedModel:
    """A model that has been checked, warmed up and self-tested."""

    manifest: Manifest
    engines: tuple[Engine, ...]
    """One for each thread that may call the model at the same time."""
    line_engines: tuple[LineEngine, ...] = ()
    """As many, for lines of digits; none for a model that reads single digits only."""
    precision: str = "float32"
    """A key of ``MODEL_FILES``: the precision of the file that the engines run."""

    @property
    def image_seconds(self) -> float:
        """Duration of a call with one image."""
        return self.engines[0].image_seconds

    def predict(self, frames: Frames, core: int = 0) -> Predictions:
        """Return the predictions for the images of any number of frames.

        Args:
            frames: The frames, as ``preprocessing.to_frames`` makes them.
            core: Index of the engine to use. No two threads may use one engine at a time.
        """
        probs = self._probabilities(frames.pixels, core)
        manifest = self.manifest
        if not self.line_engines:
            frames = dataclasses.replace(frames, lines=())
        return to_predictions(
            frames,
            probs,
            [self.line_engines[core].predict(line.strip) for line in frames.lines],
            lambda digits: self._probabilities(digits, core),
            manifest.rejection_threshold,
            manifest.version,
            manifest.number_weights,
        )

    def _probabilities(self, frames: NDArray[np.float32], core: int) -> NDArray[np.float32]:
        if not len(frames):
            return np.zeros((0, DIGIT_COUNT), np.float32)
        probs = self.engines[core].predict(frames)
        if len(probs) != len(frames):
            raise RuntimeError(f"the model returned {len(probs)} rows for {len(frames)} frames")
        return probs
