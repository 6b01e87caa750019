"""Running a model: LiteRT, with every batch size made ready beforehand."""

import time
from typing import Final, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from digits_server.errors import ModelError
from digits_server.preprocessing.normalize import FRAME_SIZE

# A call of any size is answered in pieces of these. Powers of two, so that no row
# is computed for nothing; 16 because more a piece is no faster, and each costs memory.
BATCH_SIZES: Final = (16, 8, 4, 2, 1)
DIGIT_COUNT: Final = 10


class Engine(Protocol):
    """What the batcher needs of a model. Not thread-safe: one thread calls it."""

    image_seconds: float
    """That a call with one image takes."""

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 10) or (N, 11) probabilities for (N, 28, 28) frames.

        Those of the ten digits, then, where there is an eleventh, that of no digit.
        """


class LiteRtEngine:
    """A LiteRT model, float32 or quantized inside, on the CPU."""

    def __init__(self, content: bytes, threads: int, temperature: float = 1.0) -> None:
        """Load a model and make it ready for every batch size.

        Args:
            content: Of a ``.tflite`` file, in memory: what happens to the file later does
                not matter. Its input is (N, 28, 28, 1) float32 frames in
                0..1, its output (N, 10) or (N, 11) float32 probabilities.
            threads: That one call may use.
            temperature: By which the logits are divided; above 1 is less sure of itself.
                C. Guo et al., "On Calibration of Modern Neural Networks" (2017).

        Raises:
            ModelError: It is no such model.
        """
        self._exponent = np.float32(1 / temperature)
        try:
            self._interpreters = {
                size: _interpreter(content, threads, size) for size in sorted(BATCH_SIZES)
            }
        except (ValueError, RuntimeError) as error:
            raise ModelError("it is not a LiteRT model of (N, 28, 28, 1)") from error
        # The same at every size, and asking takes as long as a tenth of a call.
        self._input = self._interpreters[1].get_input_details()[0]["index"]
        self._output = self._interpreters[1].get_output_details()[0]["index"]
        self.warm_up_seconds = {size: self._warm_up(size) for size in BATCH_SIZES}
        """What the first call of each batch size took."""
        began = time.perf_counter()
        self._run(1, _blank(1))
        self.image_seconds = time.perf_counter() - began

    def _warm_up(self, size: int) -> float:
        began = time.perf_counter()
        probs = self.predict(_blank(size))
        if probs.shape not in ((size, DIGIT_COUNT), (size, DIGIT_COUNT + 1)):
            raise ModelError("it does not answer with ten or eleven probabilities")
        return time.perf_counter() - began

    def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, 10) or (N, 11) calibrated probabilities for (N, 28, 28) frames in 0..1."""
        pieces = []
        begin = 0
        for size in BATCH_SIZES:
            while len(frames) - begin >= size:
                pieces.append(self._run(size, frames[begin : begin + size]))
                begin += size
        return self._calibrate(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))

    def _run(self, size: int, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter = self._interpreters[size]
        interpreter.set_tensor(self._input, frames[..., None])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(self._output))

    def _calibrate(self, probs: NDArray[np.float32]) -> NDArray[np.float32]:
        # softmax(logits / T) is softmax(log(softmax(logits)) / T), so that a model which
        # ends in a softmax needs no surgery. A power of its output is the same without logs.
        if self._exponent == 1:
            return probs
        powers = probs**self._exponent
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _blank(count: int) -> NDArray[np.float32]:
    return np.zeros((count, FRAME_SIZE, FRAME_SIZE), np.float32)


def _interpreter(content: bytes, threads: int, size: int) -> Interpreter:
    interpreter = Interpreter(model_content=content, num_threads=threads)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, (size, FRAME_SIZE, FRAME_SIZE, 1))
    interpreter.allocate_tensors()
    return interpreter
