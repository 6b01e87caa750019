"""Running the line network, which reads the strip of a line of digits, with LiteRT."""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from digits_server.errors import ModelError
from digits_server.native_output import discard_native_output
from digits_server.preprocessing.strips import STRIP_HEIGHT

CHARACTER_COUNT: Final = 11
"""The ten digits, and a character that is not a digit."""
NO_CHARACTER: Final = CHARACTER_COUNT
"""Class of the columns between characters."""
COLUMNS_PER_STEP: Final = 2
"""The network returns probabilities for every so many columns."""

# A strip that is not wider than a window is read in one call, in the narrowest window. Of others,
# several windows overlap by twice the columns that a step of the network sees to each side.
WINDOWS: Final = (64, 88, 112, 136, 160)
_MARGIN: Final = 24


class LineEngine(Protocol):
    """A network that reads strips. Not thread-safe: one thread calls it."""

    def predict(self, strip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (T, 12) of the digits, another character, and none.

        Args:
            strip: (STRIP_HEIGHT, W) in 0..1; T is W / COLUMNS_PER_STEP, rounded up.
        """


class LiteRtLineEngine:
    """A LiteRT model on the CPU."""

    def __init__(self, content: bytes) -> None:
        """Load a model, and prepare it for every width of windows.

        Args:
            content: Content of a ``.tflite`` file. The model's input is (1, STRIP_HEIGHT, W, 1)
                float32 in 0..1, its output (1, W / 2, 12) float32 probabilities.

        Raises:
            ModelError: The content is not such a model.
        """
        try:
            self._interpreters = {width: _interpreter(content, width) for width in WINDOWS}
            shapes = [
                self._run(np.zeros((STRIP_HEIGHT, width), np.float32)).shape for width in WINDOWS
            ]
        except (ValueError, RuntimeError, IndexError) as error:  # IndexError: it has no input
            raise ModelError("its line network is not a LiteRT model of strips") from error
        if shapes != [(width // COLUMNS_PER_STEP, CHARACTER_COUNT + 1) for width in WINDOWS]:
            raise ModelError("the output of its line network is not twelve probabilities")

    def predict(self, strip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (T, 12) for a strip (STRIP_HEIGHT, W) in 0..1."""
        return read_in_windows(strip, self._run)

    def _run(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter = self._interpreters[window.shape[1]]
        [inputs], [outputs] = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(inputs["index"], window[None, ..., None])
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(outputs["index"])[0])


def read_in_windows(
    strip: NDArray[np.float32], run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return the probabilities for a strip of any width, given a network for windows.

    Args:
        strip: (STRIP_HEIGHT, W) in 0..1.
        run: Returns (w / 2, 12) probabilities for a window (STRIP_HEIGHT, w), w in WINDOWS.
    """
    width = strip.shape[1]
    window = next((each for each in WINDOWS if width <= each), WINDOWS[-1])
    step_count = -(-width // COLUMNS_PER_STEP)
    parts = []
    start = done = 0
    while done < step_count:
        columns = strip[:, start : start + window]
        probs = run(np.pad(columns, ((0, 0), (0, window - columns.shape[1]))))
        is_last = start + window >= width
        end = step_count if is_last else (start + window - _MARGIN) // COLUMNS_PER_STEP
        first = start // COLUMNS_PER_STEP
        parts.append(probs[done - first : end - first])
        done, start = end, start + window - 2 * _MARGIN
    return np.concatenate(parts)


def _interpreter(content: bytes, width: int) -> Interpreter:
    with discard_native_output():
        interpreter = Interpreter(model_content=content, num_threads=1)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, (1, STRIP_HEIGHT, width, 1))
        interpreter.allocate_tensors()
    return interpreter
