"""The shipped network as the peers serve it. Runs in their environments, without digits.

It works like digits' own engine, so that only the servers differ: an interpreter for each batch
size, allocated and run once at the start.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHIPPED_MODELS: Final = Path(__file__).parents[2] / "server" / "digits_server" / "shipped_models"
SIDE: Final = 28
CLASS_COUNT: Final = 11
"""The ten digits, and "not a digit"."""
THREADS: Final = 2
BATCH_SIZES: Final = (16, 8, 4, 2, 1)


class Network:
    """The shipped LiteRT network. Not thread-safe."""

    def __init__(self, threads: int = THREADS) -> None:
        """Load the network and run it once at every batch size."""
        # Imported here: the Keras peers use the rest of this module without LiteRT.
        from ai_edge_litert.interpreter import Interpreter

        folder = model_folder()
        self._temperature = temperature(folder)
        self._interpreters = {}
        for size in BATCH_SIZES:
            interpreter = Interpreter(str(folder / "model.tflite"), num_threads=threads)
            index = interpreter.get_input_details()[0]["index"]
            interpreter.resize_tensor_input(index, (size, SIDE, SIDE, 1))
            interpreter.allocate_tensors()
            self._interpreters[size] = interpreter
        self.predict(np.zeros((sum(BATCH_SIZES), SIDE, SIDE), np.uint8))

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (N, 11) calibrated probabilities for (N, 28, 28) pixels."""
        frames = network_input(images)
        pieces = []
        start = 0
        for size in BATCH_SIZES:
            while len(frames) - start >= size:
                interpreter = self._interpreters[size]
                index = interpreter.get_input_details()[0]["index"]
                interpreter.set_tensor(index, frames[start : start + size])
                interpreter.invoke()
                output = interpreter.get_output_details()[0]["index"]
                pieces.append(interpreter.get_tensor(output))
                start += size
        return calibrate(np.concatenate(pieces), self._temperature)


def model_folder() -> Path:
    """Return the folder of the newest shipped version."""
    return max(SHIPPED_MODELS.iterdir(), key=lambda folder: int(folder.name))


def temperature(folder: Path) -> float:
    """Return the calibration temperature from a model's manifest."""
    return float(json.loads((folder / "manifest.json").read_text())["temperature"])


def network_input(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 28, 28, 1) float32 in 0..1 for (N, 28, 28) pixels."""
    return images.reshape(-1, SIDE, SIDE, 1).astype(np.float32) / np.float32(255)


def calibrate(probs: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return probabilities as if the logits had been divided by the temperature."""
    powers = probs ** np.float32(1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def unpack(data: bytes) -> NDArray[np.uint8]:
    """Return (N, 28, 28) pixels from the bytes of consecutive images."""
    return np.frombuffer(data, np.uint8).reshape(-1, SIDE, SIDE)


def pack(probs: NDArray[np.float32]) -> bytes:
    """Return (N, 11) probabilities as bytes. The digit is the largest of the first ten."""
    return probs.tobytes()
