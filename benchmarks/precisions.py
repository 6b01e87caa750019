"""Measure how fast this machine runs the shipped model in float32 and in int8.

    python -m benchmarks.precisions

One engine with one thread for each precision, in turn, in a new order each round. Each ratio is
of one round; the tables have the median and the quartiles. float32 is there twice: how far the
ratio of the second is from 1 shows the precision of the measurement. The time is CPU time, which
other processes disturb least.
"""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digits_server import models
from digits_server.models.engine import LiteRtEngine
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import normalize_batch
from digits_server.settings import SHIPPED_MODELS

BATCH_SIZES: Final = (1, 16)
TURN_SECONDS: Final = 0.04
SAMPLES: Final = Path(__file__).parents[1] / "samples"
LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**22)


def seconds_per_image(engine: LiteRtEngine, frames: NDArray[np.float32]) -> float:
    """Return the CPU time per image of calls with all of the frames."""
    count = 0
    end, start = time.perf_counter() + TURN_SECONDS, time.process_time()
    while time.perf_counter() < end:
        engine.predict(frames)
        count += len(frames)
    return (time.process_time() - start) / count


def measure(
    engines: Mapping[str, LiteRtEngine], frames: NDArray[np.float32], rounds: int
) -> dict[str, NDArray[np.float64]]:
    """Return the seconds per image by engine, (rounds,) each."""
    random = np.random.default_rng(0)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name in random.permutation(list(engines)).tolist():
            seconds[name].append(seconds_per_image(engines[name], frames))
    return {name: np.array(values) for name, values in seconds.items()}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    folder = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    contents = {name: (folder / file).read_bytes() for name, file in models.MODEL_FILES.items()}
    contents["float32 again"] = contents["float32"]
    engines = {name: LiteRtEngine(content, threads=1) for name, content in contents.items()}
    files = sorted(SAMPLES.glob("[0-9]/*.png"))[: max(BATCH_SIZES)]
    frames = normalize_batch([decode(file.read_bytes(), LIMITS).gray for file in files])
    print("| precision | batch | µs per image | speed, of float32 | quartiles |")
    print("|---|---|---|---|---|")
    for batch in BATCH_SIZES:
        seconds = measure(engines, frames[:batch], rounds)
        for name, values in seconds.items():
            low, middle, high = np.quantile(seconds["float32"] / values, (0.25, 0.5, 0.75))
            micros = np.median(values) * 1e6
            print(f"| {name} | {batch} | {micros:.0f} | {middle:.2f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    main()
