"""The tutorial's way: ``model.predict`` in the program itself, without a server.

So that it can be measured like the servers, it reads a line of JSON and writes one.
``{"predict": N}`` returns the probabilities of the first N images. ``{"images": N, "seconds": S,
"rate": R}`` returns the figures of calls with N images each, as fast as possible where R is null.
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
from benchmarks.peers.network import calibrate, model_folder, network_input, temperature


class Program:
    """Predicts as the tutorial does."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        """Load the network."""
        self._images = images
        self._model = load_keras()
        self._temperature = temperature(model_folder())

    def predict(self, count: int) -> NDArray[np.float32]:
        """Return the probabilities of the first images."""
        frames = network_input(self._images[:count])
        probs = self._model.predict(frames, batch_size=len(self._images), verbose=0)
        return calibrate(probs, self._temperature)

    def measure(self, count: int, seconds: float, rate: float | None) -> dict[str, Any]:
        """Return the calls per second, and percentiles of their latency."""
        latencies_ms = []
        start = now = time.perf_counter()
        while now - start < seconds:
            if rate is not None:
                time.sleep(max(0.0, start + len(latencies_ms) / rate - now))
            sent = time.perf_counter()
            self.predict(count)
            now = time.perf_counter()
            latencies_ms.append((now - sent) * 1000)
        return {
            "calls_per_second": len(latencies_ms) / (now - start),
            "p50_ms": float(np.percentile(latencies_ms, 50)),
            "p99_ms": float(np.percentile(latencies_ms, 99)),
            "succeeded": len(latencies_ms),
        }


def main() -> None:
    """Respond to requests line by line."""
    images = np.load(sys.argv[1])
    program = Program(images)
    for line in sys.stdin:
        request = json.loads(line)
        if "predict" in request:
            response: Any = program.predict(request["predict"]).tolist()
        else:
            response = program.measure(request["images"], request["seconds"], request["rate"])
        print(json.dumps(response), flush=True)


if __name__ == "__main__":
    main()
