"""Conversion of Keras networks to LiteRT files with float32 input and output."""

import contextlib
import io
import warnings
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from digits_server.native_output import discard_native_output

from .errors import TrainingError


def to_float32(model: keras.Model) -> bytes:
    """Return a network as a LiteRT file.

    Args:
        model: Network that maps (N, 28, 28, 1) to (N, 10) to (N, 12).
    """
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    with _silent():
        return bytes(converter.convert())


def line_to_float32(model: keras.Model) -> bytes:
    """Return a line network as a LiteRT file that returns probabilities.

    Args:
        model: Network that maps (N, 28, W, 1) to (N, W / 2, 12) logits.
    """
    outputs = keras.layers.Softmax()(model.output)
    return to_float32(keras.Model(model.input, outputs))


def to_int8(model: keras.Model, range_inputs: NDArray[np.float32]) -> bytes:
    """Return a network as a LiteRT file whose inner convolutions compute in int8.

    Weights have a scale per channel, activations one per tensor. The first convolution stays in
    float32, because int8 kernels take several channels at once and it has only one. Everything
    after the last convolution stays in float32 too: it takes little time, and its rounding errors
    would reach the probabilities directly (docs/adr/0019).

    Args:
        model: Network that maps (N, 28, 28, 1) to (N, 10) to (N, 12).
        range_inputs: (M, 28, 28, 1) frames that determine the ranges of the activations.

    Raises:
        TrainingError: The network has no convolution after its first one.
    """

    def representative() -> Iterator[list[NDArray[np.float32]]]:
        for frame in range_inputs:
            yield [frame[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    # The converter excludes single operations only by way of its debugger.
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=_outer_operations(to_float32(model))
    )
    with _silent():
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_options=options
        )
        return bytes(debugger.get_nondebug_quantized_model())


def _outer_operations(content: bytes) -> list[str]:
    """Return the outputs of the first convolution and of all operations after the last one.

    Args:
        content: Content of a LiteRT file.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    convolutions = [
        index
        for index, operation in enumerate(graph.operators)
        if model.operatorCodes[operation.opcodeIndex].builtinCode == schema.BuiltinOperator.CONV_2D
    ]
    if len(convolutions) < 2:
        raise TrainingError("the network has no convolution after its first one to compute in int8")
    first, last = convolutions[0], convolutions[-1]
    outer = [graph.operators[first], *graph.operators[last + 1 :]]
    return [graph.tensors[operation.outputs[0]].name.decode() for operation in outer]


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Suppress what the converter reports about every network.

    It lists every variable on standard output, which is the command's own, its settings on
    standard error, and warns about the quantized input and the interpreter that it creates itself.
    """
    with (
        contextlib.redirect_stdout(io.StringIO()),
        discard_native_output(),
        warnings.catch_warnings(action="ignore", category=UserWarning),
    ):
        yield
