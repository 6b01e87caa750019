"""Running a model with LiteRT, with every batch size prepared in advance."""

import time
from typing import Final, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from digits_server.errors import ModelError
from digits_server.native_output import discard_native_output
from digits_server.preprocessing.normalize import FRAME_SIZE

# A call is split into batches of these sizes. Larger batches are no faster per image on one
# thread, and each size takes memory.
BATCH_SIZES: Final = (4, 1)
# The shortest of so many calls tells how fast a model is: others may have waited for a core, which
# a busy machine gives late.
TIMED_CALLS: Final = 5
DIGIT_COUNT: Final = 10
NOT_A_DIGIT: Final = 10
"""Index of the class "not a digit", if a model has it: writing that is not a digit."""
NO_WRITING: Final = 11
"""Index of the class "no writing", if a model has it: ground, a line, or ink cut out wrongly."""
CLASS_COUNTS: Final = (10, 11, 12)


class Engine(Protocol):
    """A network that computes probabilities. Not thread-safe: one thread calls it."""

    image_seconds: float
    """Duration of a call with one image, on a free core."""

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 10) to (N, 12) probabilities for (N, 28, 28) frames.

        The first ten are the digits. The others, if any, are "not a digit" and "no writing".
        """


class LiteRtEngine:
    """A LiteRT model on the CPU, in float32 or quantized."""

    def __init__(self, content: bytes, threads: int, temperature: float = 1.0) -> None:
        """Load a model and prepare it for every batch size.

        Args:
            content: Content of a ``.tflite`` file, so that later changes of the file have no
                effect. The model's input is (N, 28, 28, 1) float32 frames in 0..1, its output
                (N, 10) to (N, 12) float32 probabilities.
            threads: Number of threads that one call may use.
            temperature: Divisor of the logits; above 1, predictions are less confident.
                C. Guo et al., "On Calibration of Modern Neural Networks" (2017).

        Raises:
            ModelError: The content is not such a model.
        """
        self._exponent = np.float32(1 / temperature)
        try:
            self._interpreters = {
                size: _interpreter(content, threads, size) for size in sorted(BATCH_SIZES)
            }
        except (ValueError, RuntimeError, IndexError) as error:  # IndexError: it has no input
            raise ModelError("it is not a LiteRT model of (N, 28, 28, 1)") from error
        # Views of the tensors, because LiteRT's own accessors copy.
        self._inputs = {
            size: interpreter.tensor(interpreter.get_input_details()[0]["index"])
            for size, interpreter in self._interpreters.items()
        }
        self._outputs = {
            size: interpreter.tensor(interpreter.get_output_details()[0]["index"])
            for size, interpreter in self._interpreters.items()
        }
        self.warm_up_seconds = {size: self._warm_up(size) for size in BATCH_SIZES}
        """Duration of the first call of each batch size."""
        self.image_seconds = min(self._time_image() for _ in range(TIMED_CALLS))

    def _time_image(self) -> float:
        start = time.perf_counter()
        self._run(1, _blank_frames(1))
        return time.perf_counter() - start

    def _warm_up(self, size: int) -> float:
        start = time.perf_counter()
        probs = self.predict(_blank_frames(size))
        if probs.shape not in {(size, count) for count in CLASS_COUNTS}:
            raise ModelError("its output is not ten to twelve probabilities")
        return time.perf_counter() - start

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 10) to (N, 12) calibrated probabilities for (N, 28, 28) frames in 0..1."""
        batches = []
        start = 0
        for size in BATCH_SIZES:
            while len(frames) - start >= size:
                batches.append(self._run(size, frames[start : start + size]))
                start += size
        return self._calibrate(batches[0] if len(batches) == 1 else np.concatenate(batches))

    def _run(self, size: int, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        # A view that is kept would keep the interpreter from running.
        self._inputs[size]()[..., 0] = frames
        self._interpreters[size].invoke()
        return np.array(self._outputs[size]())

    def _calibrate(self, probs: NDArray[np.float32]) -> NDArray[np.float32]:
        # softmax(logits / T) = softmax(log(softmax(logits)) / T), so the softmax at the end of a
        # model need not be removed. A power of its output gives the same without logarithms.
        if self._exponent == 1:
            return probs
        powers = probs**self._exponent
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _blank_frames(count: int) -> NDArray[np.float32]:
    return np.zeros((count, FRAME_SIZE, FRAME_SIZE), np.float32)


def _interpreter(content: bytes, threads: int, size: int) -> Interpreter:
    with discard_native_output():  # LiteRT announces its delegate, and has no switch for that
        interpreter = Interpreter(model_content=content, num_threads=threads)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, (size, FRAME_SIZE, FRAME_SIZE, 1))
        interpreter.allocate_tensors()
    return interpreter
