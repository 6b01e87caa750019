"""The tutorial's way: ``model.predict`` in the program itself. It serves nobody.

It reads a line of JSON and writes one, so that it is measured like the servers:
``{"answer": true}`` gets the probabilities of all images, ``{"images": N, "seconds": S,
"rate": R}`` figures of calls of N images, as fast as it can where the rate is null.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.keras_network import load_keras
from benchmarks.peers.network import as_frames, calibrate, model_folder, temperature


class Program:
    """Predicts as the tutorial does."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        """Load the network."""
        self._images = images
        self._model = load_keras()
        self._temperature = temperature(model_folder())

    def predict(self, count: int) -> NDArray[np.float32]:
        """Return the probabilities of the first images."""
        frames = as_frames(self._images[:count])
        probs = self._model.predict(frames, batch_size=len(self._images), verbose=0)
        return calibrate(probs, self._temperature)

    def measure(self, count: int, seconds: float, rate: float | None) -> dict[str, Any]:
        """Return the calls a second, and their times in milliseconds."""
        times = []
        began = now = time.perf_counter()
        while now - began < seconds:
            if rate is not None:
                time.sleep(max(0.0, began + len(times) / rate - now))
            sent = time.perf_counter()
            self.predict(count)
            now = time.perf_counter()
            times.append((now - sent) * 1000)
        return {
            "calls_per_second": len(times) / (now - began),
            "p50_ms": float(np.percentile(times, 50)),
            "p99_ms": float(np.percentile(times, 99)),
            "answered": len(times),
        }


def main() -> None:
    """Answer line by line."""
    images = np.load(sys.argv[1])
    program = Program(images)
    for line in sys.stdin:
        asked = json.loads(line)
        if "answer" in asked:
            answer: Any = program.predict(asked["answer"]).tolist()
        else:
            answer = program.measure(asked["images"], asked["seconds"], asked["rate"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
