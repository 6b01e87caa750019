"""Loading networks from Keras files, including old ones that Keras 3 cannot read by itself."""

import json
import shutil
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.models.engine import CLASS_COUNTS
from digits_server.preprocessing.normalize import FRAME_SIZE
from digits_server.preprocessing.strips import STRIP_HEIGHT

from .errors import TrainingError
from .network_path import KERAS_FILE, check_network_path

PREDICT_BATCH_SIZE = 500


def load_network(path: Path) -> keras.Model:
    """Load a Keras network that maps (N, 28, 28, 1) frames to (N, 10) to (N, 12) probabilities.

    Args:
        path: The folder of a run, or any ``.keras`` or ``.h5`` file.

    Raises:
        TrainingError: The file does not exist, is not a Keras file, or holds a network of
            other shapes.
    """
    check_network_path(path)
    file = path / KERAS_FILE if path.is_dir() else path
    try:
        model = open_network(file)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{file} is not a Keras model: {error}") from error
    takes_frames = model.input_shape == (None, FRAME_SIZE, FRAME_SIZE, 1)
    returns_digits = model.output_shape in {(None, count) for count in CLASS_COUNTS}
    if not (takes_frames and returns_digits):
        raise TrainingError(
            f"{file} maps {model.input_shape} to {model.output_shape}, "
            "not 28x28x1 frames to 10 to 12 classes"
        )
    return model


def load_line_network(path: Path) -> keras.Model:
    """Load a network that reads strips.

    Args:
        path: The folder of a run.

    Raises:
        TrainingError: The folder is not that of a line network's run.
    """
    check_network_path(path)
    model = open_network(path / KERAS_FILE)
    if model.input_shape != (None, STRIP_HEIGHT, None, 1):
        raise TrainingError(f"{path} holds no network that reads lines")
    return model


def predict(model: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, K) probabilities for (N, 28, 28, 1) frames."""
    return np.asarray(model.predict(inputs, batch_size=PREDICT_BATCH_SIZE, verbose=0), np.float32)


def open_network(file: Path) -> keras.Model:
    """Load a network from a ``.keras`` or ``.h5`` file, without its optimizer.

    Raises:
        OSError, ValueError, TypeError, KeyError: The file is not a Keras model.
    """
    if not h5py.is_hdf5(file):
        return keras.models.load_model(file, compile=False)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "network.h5"
        shutil.copyfile(file, copy)
        _add_input_layer(copy)
        return keras.models.load_model(copy, compile=False)


def _add_input_layer(file: Path) -> None:
    """Add the input layer that Keras 3 expects to a file written by Keras 2.

    Keras before 2.3 stored the input's shape in the first layer only, as
    ``batch_input_shape``. Keras 3 reads that as a shape without the batch dimension, and so
    builds an input with one dimension too many.
    """
    with h5py.File(file, "r+") as network:
        config = json.loads(network.attrs["model_config"])
        layers = config["config"]["layers"] if config["class_name"] == "Sequential" else []
        if not layers or layers[0]["class_name"] == "InputLayer":
            return
        shape = layers[0]["config"].pop("batch_input_shape", None)
        if shape is not None:
            input_config = {"batch_input_shape": shape, "name": "input"}
            layers.insert(0, {"class_name": "InputLayer", "config": input_config})
            network.attrs["model_config"] = json.dumps(config)
