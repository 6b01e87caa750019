"""Make int8 versions of the shipped network, with float32 input and output.

    pip install -e .[train] -r benchmarks/int8/requirements.txt
    DIGITS_DATA_DIR=... python -m benchmarks.int8.quantize models/int8

Each version is a ``.tflite`` file in the folder, named after it. The ranges of activations
come from frames that the network learned from: none of those that it is chosen by or
measured on.
"""

import argparse
import logging
from pathlib import Path
from typing import Final

import numpy as np
from ai_edge_quantizer import (  # type: ignore[import-not-found,unused-ignore]
    qtyping,
    quantizer,
    recipe,
)
from numpy.typing import NDArray

from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from digits_training import examples, pendigits
from digits_training.datasets import load_mnist
from digits_training.export import convert
from digits_training.keras_files import load_network
from digits_training.record import RunRecord
from digits_training.sources import SHIPPED_RUN

# Of MNIST's images, and of drawings, each.
RANGE_COUNT: Final = 500
SIGNATURE: Final = "serving_default"
INPUT: Final = "input_layer_1"

Op = qtyping.TFLOperationName
ENDS: Final = (Op.INPUT, Op.OUTPUT)
# What follows the last convolution, the depthwise one, which is a weighted mean.
HEAD: Final = (Op.RESHAPE, Op.FULLY_CONNECTED, Op.SOFTMAX)

# The first convolution, of one channel: the int8 kernels for AVX2 take channels by eight, so
# that seven of them would be computed for nothing.
FIRST: Final = "re_lu_6_1/"
ALL: Final = ".*"

# Static versions: weights (a scale a channel) and activations int8, but for these kinds of
# operation, of names with these patterns.
Exceptions = tuple[tuple[str, qtyping.TFLOperationName], ...]
STATIC: Final[dict[str, Exceptions]] = {
    "static": tuple((ALL, op) for op in ENDS),
    "static_float_head": tuple((ALL, op) for op in (*ENDS, *HEAD)),
    "static_float_mean_and_head": tuple((ALL, op) for op in (*ENDS, Op.DEPTHWISE_CONV_2D, *HEAD)),
    "static_float_first_and_head": (
        *((ALL, op) for op in (*ENDS, *HEAD)),
        (FIRST, Op.CONV_2D),
    ),
}

logger = logging.getLogger(__name__)


def frames_for_ranges(seed: int, validation_count: int) -> NDArray[np.float32]:
    """Return (N, 28, 28, 1) frames that a run of this seed learned from, scanned and drawn."""
    mnist = load_mnist()
    learned, _ = examples.Examples(mnist.x_train, mnist.y_train).split(validation_count, seed)
    scanned = examples.of_images(learned.frames[:RANGE_COUNT], learned.labels[:RANGE_COUNT])
    kept_out = pendigits.VALIDATION_WRITERS | pendigits.TEST_WRITERS
    recordings = [each for each in pendigits.load_pendigits() if each.writer not in kept_out]
    some = np.random.default_rng(seed).permutation(len(recordings))[:RANGE_COUNT]
    drawn = examples.of_recordings([recordings[place] for place in some], seed)
    return examples.joined([scanned, drawn]).inputs()


def static(content: bytes, exceptions: Exceptions, ranges: NDArray[np.float32]) -> bytes:
    """Return a network with int8 weights and activations.

    Args:
        content: Of the float32 network.
        exceptions: What stays as it is.
        ranges: (N, 28, 28, 1) frames; an activation's range is from its least to its greatest.
    """
    made = quantizer.Quantizer(bytearray(content))
    made.add_static_config(ALL, Op.ALL_SUPPORTED, activation_num_bits=8, weight_num_bits=8)
    for pattern, op in exceptions:
        made.update_quantization_recipe(
            pattern, op, algorithm_key=quantizer.AlgorithmName.NO_QUANTIZE
        )
    # All at once: of several calls, the ranges would be a moving average.
    found = made.calibrate({SIGNATURE: [{INPUT: ranges}]}, num_threads=1)
    return bytes(made.quantize(found, enable_progress_report=False).quantized_model)


def by_recipe(content: bytes, steps: qtyping.ModelQuantizationRecipe) -> bytes:
    """Return a network quantized by a recipe that needs no ranges."""
    made = quantizer.Quantizer(bytearray(content), steps)
    return bytes(made.quantize(enable_progress_report=False).quantized_model)


def versions(content: bytes) -> dict[str, bytes]:
    """Return int8 versions of a float32 network by their names."""
    run = RunRecord.load(SHIPPED_RUN)
    if run is None:
        raise FileNotFoundError(SHIPPED_RUN)
    ranges = frames_for_ranges(run.settings["seed"], run.settings["validation_count"])
    made = {name: static(content, exceptions, ranges) for name, exceptions in STATIC.items()}
    made["dynamic"] = by_recipe(content, recipe.dynamic_wi8_afp32())
    made["weights_only"] = by_recipe(content, recipe.weight_only_wi8_afp32())
    # As `digits-train export --quantize` has it, from Keras.
    made["converter"] = convert(load_network(SHIPPED_RUN), ranges)
    return made


def main() -> None:
    """Write all versions into a folder."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="made where it is missing")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    newest = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
    content = (newest / models.MODEL_FILE).read_bytes()
    for name, quantized in versions(content).items():
        (folder / f"{name}.tflite").write_bytes(quantized)
        logger.info("%s: %d bytes, of %d", name, len(quantized), len(content))


if __name__ == "__main__":
    main()
