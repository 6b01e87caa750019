"""Measure int8 versions of the shipped network beside the float32 that ships.

    DIGITS_DATA_DIR=... python -m benchmarks.int8.measure models/int8

The versions are those of ``benchmarks.int8.quantize``; all run in the server's own engine.
Speed: every version in turn, in an order that is shuffled each round; what counts is the
ratio to float32 of the same round, by the clock and by the processor's seconds, which other
processes hardly change (with two threads they include waiting for one another). The float32
network is there twice: how far the second is from 1 is how far a ratio may be from the truth.
Accuracy: as the server answers, with float32's temperature and threshold. A version is
chosen on the validation sets; the test sets are for the report.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digits_server import models
from digits_server.engine import BATCH_SIZES, LiteRtEngine
from digits_server.settings import SHIPPED_MODELS
from digits_training import curriculum, examples, omniglot, pendigits
from digits_training.answers import Answers
from digits_training.calibration import (
    Calibration,
    area_under_curve,
    calibrated,
    given_digit,
    likeliest_digit,
)
from digits_training.datasets import load_mnist
from digits_training.examples import Examples
from digits_training.figures import Figures
from digits_training.record import RunRecord
from digits_training.sources import SHIPPED_RUN
from digits_training.suites import SEED

RESULTS: Final = Path(__file__).parents[1] / "results" / "int8.json"
BASE: Final = "float32"
AGAIN: Final = "float32_again"
THREADS: Final = (1, 2)
BATCHES: Final = (1, 16)
TURN_SECONDS: Final = 0.04
BATCH_DEPENDENCE_COUNT: Final = 512
# Of x86, those that XNNPACK has int8 kernels for.
INT8_FLAGS: Final = frozenset({"avx2", "avx512bw", "avx512_vnni", "avx_vnni", "avx_vnni_int8"})
PACKAGES: Final = ("ai-edge-litert", "ai-edge-quantizer", "tensorflow-cpu", "keras", "numpy")

Contents = Mapping[str, bytes]


def spread(values: Sequence[float], digits: int) -> dict[str, float]:
    """Return the median and the quartiles, the least and the most."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    named = {"median": middle, "q1": low, "q3": high, "min": min(values), "max": max(values)}
    return {name: round(float(value), digits) for name, value in named.items()}


def rates(engine: LiteRtEngine, frames: NDArray[np.float32]) -> tuple[float, float]:
    """Return images a second of calls with all of the frames, and images a processor's second."""
    count = 0
    began, began_cpu = time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - began) < TURN_SECONDS:
        engine.predict(frames)
        count += len(frames)
    return count / took, count / (time.process_time() - began_cpu)


def speed(contents: Contents, frames: NDArray[np.float32], rounds: int) -> list[dict[str, Any]]:
    """Return the speed of every version, for each number of threads and each batch size."""
    random = np.random.default_rng(0)
    found = []
    for threads in THREADS:
        engines = {name: LiteRtEngine(content, threads) for name, content in contents.items()}
        for batch in BATCHES:
            turns: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
            for _ in range(rounds):
                for name in random.permutation(list(engines)).tolist():
                    turns[name].append(rates(engines[name], frames[:batch]))
            of_base = np.array(turns[BASE])
            for name, of_name in turns.items():
                by_clock, by_cpu = (np.array(of_name) / of_base).T
                found.append(
                    {
                        "threads": threads,
                        "batch": batch,
                        "version": name,
                        "images_per_second": spread([each for each, _ in of_name], 0),
                        "ratio_to_float32": spread(by_clock.tolist(), 3),
                        "ratio_to_float32_by_processor_seconds": spread(by_cpu.tolist(), 3),
                    }
                )
    return found


def sets_of(kept_out: curriculum.HeldOut) -> dict[str, Examples]:
    """Return the sets to choose by, then those of the report."""
    mnist = load_mnist()
    writers = pendigits.of_writers(pendigits.load_pendigits(), pendigits.TEST_WRITERS)
    letters = omniglot.load_omniglot().of(omniglot.TEST_ALPHABETS).images
    no_digits = np.full(len(letters), examples.NOT_A_DIGIT, np.uint8)
    return {
        "validation_mnist": kept_out.mnist,
        "validation_strokes": kept_out.strokes,
        "validation_letters": kept_out.letters,
        "test_mnist": examples.of_images(mnist.x_test, mnist.y_test),
        "test_strokes": examples.of_recordings_on_300(writers, SEED),
        "test_letters": examples.of_images(letters, no_digits),
    }


def accuracy(answers: Answers, base: Answers) -> dict[str, Any]:
    """Return how good the answers to digits are, and how far they are from float32's."""
    right = answers.digits == answers.labels
    base_right = base.digits == base.labels
    return {
        "images": len(answers.labels),
        "likeliest_digit_right": int(right.sum()),
        "lost_to_float32": int((base_right & ~right).sum()),
        "won_from_float32": int((right & ~base_right).sum()),
        "same_digit_as_float32": int((answers.digits == base.digits).sum()),
        "turned_away": int(answers.is_rejected.sum()),
        "right_and_not_turned_away": int(answers.is_right.sum()),
        "log_loss": round(Figures.of(given_digit(answers.probs), answers.labels).loss, 5),
        "calibration_error": round(answers.calibration_error, 5),
        "largest_difference": round(float(np.abs(answers.probs - base.probs).max()), 4),
        "mean_difference": round(float(np.abs(answers.probs - base.probs).mean()), 6),
    }


def batch_dependence(engine: LiteRtEngine, frames: NDArray[np.float32]) -> dict[str, Any]:
    """Return how far the answers to frames alone are from those in company."""
    alone = np.concatenate([engine.predict(frame[None]) for frame in frames])
    order = np.random.default_rng(0).permutation(len(frames))
    found = {}
    for size in sorted(BATCH_SIZES)[1:]:
        together = np.empty_like(alone)
        for at in range(0, len(frames), size):
            which = order[at : at + size]
            together[which] = engine.predict(frames[which])
        found[str(size)] = {
            "rows_that_differ": int((together != alone).any(axis=1).sum()),
            "largest_difference": float(np.abs(together - alone).max()),
            "other_digit": int((together.argmax(axis=1) != alone.argmax(axis=1)).sum()),
        }
    return {"images": len(frames), "batch": found}


def of_letters(letters: Answers, digits: Answers) -> dict[str, Any]:
    """Return how well letters are told from digits."""
    area = area_under_curve(likeliest_digit(digits.probs), likeliest_digit(letters.probs))
    return {
        "images": len(letters.labels),
        "turned_away": int(letters.is_rejected.sum()),
        "area_under_curve": round(area, 5),
    }


def quality(contents: Contents, manifest: models.Manifest) -> dict[str, Any]:
    """Return what every version answers to every set; float32 is the first."""
    run = RunRecord.load(SHIPPED_RUN)
    if run is None:
        raise FileNotFoundError(SHIPPED_RUN)
    count, seed = run.settings["validation_count"], run.settings["seed"]
    kept_out = curriculum.held_out(load_mnist(), None, count, seed)
    sets = sets_of(kept_out)
    some = BATCH_DEPENDENCE_COUNT // 2
    mixed = np.concatenate([kept_out.mnist.inputs()[:some], kept_out.strokes.inputs()[:some]])
    base: dict[str, Answers] = {}
    found = {}
    for name, content in contents.items():
        engine = LiteRtEngine(content, os.cpu_count() or 1, manifest.temperature)
        answers = {}
        for of, made in sets.items():
            frames = made.inputs()[..., 0]
            probs = engine.predict(frames)
            answers[of] = Answers(frames, probs, made.labels, manifest.rejection_threshold)
        base = base or answers
        found[name] = {
            "sets": {
                of: of_letters(answers[of], answers[of.replace("letters", "mnist")])
                if of.endswith("letters")
                else accuracy(answers[of], base[of])
                for of in sets
            },
            "calibration_of_its_own": vars(fitted(content, kept_out)),
            "batch_dependence": batch_dependence(engine, mixed[..., 0]),
        }
    return found


def fitted(content: bytes, kept_out: curriculum.HeldOut) -> Calibration:
    """Return the temperature and the threshold that a version would have of its own."""
    engine = LiteRtEngine(content, os.cpu_count() or 1)
    mnist, strokes = (
        (engine.predict(made.inputs()[..., 0]), made.labels)
        for made in (kept_out.mnist, kept_out.strokes)
    )
    return calibrated(mnist, strokes)


def machine() -> dict[str, Any]:
    """Return what the speeds depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    values = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
    return {
        "cpu": values.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "int8_instructions": sorted(INT8_FLAGS & set(values.get("flags", "").split())),
        "system": f"{platform.system()} {platform.machine()}",
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with the versions")
    parser.add_argument("--rounds", type=int, default=75)
    parsed = parser.parse_args()
    newest = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    base = (newest / models.MODEL_FILE).read_bytes()
    made = {file.stem: file.read_bytes() for file in sorted(parsed.folder.glob("*.tflite"))}
    ink = load_mnist().x_train[: max(BATCHES)].astype(np.float32) / np.float32(255)
    results = {
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
        "network": f"shipped version {newest.name}",
        "rounds": parsed.rounds,
        "turn_seconds": TURN_SECONDS,
        "bytes": {name: len(content) for name, content in ({BASE: base} | made).items()},
        "speed": speed({BASE: base, AGAIN: base} | made, ink, parsed.rounds),
        "quality": quality({BASE: base} | made, models.Manifest.read(newest)),
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
