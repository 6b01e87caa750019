"""Networks in Keras files, also in those that today's Keras would trip over."""

import json
import shutil
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import FRAME_SIZE

from . import networks
from .errors import TrainingError

KERAS_FILE = "model.keras"
PREDICT_BATCH_SIZE = 500


def load_network(path: Path) -> keras.Model:
    """Load a Keras network that maps (N, 28, 28, 1) frames to (N, 10) or (N, 11) probabilities.

    Args:
        path: The folder of a run, or a ``.keras`` or ``.h5`` file from anywhere.

    Raises:
        TrainingError: There is no such file, or the network is no such network.
    """
    file = path / KERAS_FILE if path.is_dir() else path
    if not file.is_file():
        raise TrainingError(f"{file} does not exist")
    try:
        model = open_network(file)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{file} is not a Keras model: {error}") from error
    shapes = (model.input_shape, model.output_shape)
    answers = (None, networks.DIGIT_COUNT), (None, networks.CLASS_COUNT)
    if shapes[0] != (None, FRAME_SIZE, FRAME_SIZE, 1) or shapes[1] not in answers:
        raise TrainingError(f"{file} maps {shapes[0]} to {shapes[1]}, not 28x28x1 frames to digits")
    return model


def predict(model: keras.Model, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N, K) probabilities for (N, 28, 28, 1) frames."""
    return np.asarray(model.predict(inputs, batch_size=PREDICT_BATCH_SIZE, verbose=0), np.float32)


def open_network(file: Path) -> keras.Model:
    """Load a network from a ``.keras`` or ``.h5`` file, without its optimizer.

    Raises:
        OSError, ValueError, TypeError, KeyError: As Keras does, at a file that is none.
    """
    if not h5py.is_hdf5(file):
        return keras.models.load_model(file, compile=False)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "network.h5"
        shutil.copyfile(file, copy)
        _name_the_input(copy)
        return keras.models.load_model(copy, compile=False)


def _name_the_input(file: Path) -> None:
    """Give a network that Keras 2 wrote the input layer that Keras 3 wants.

    Keras before 2.3 wrote the input's shape into the first layer only, as
    ``batch_input_shape``. Keras 3 takes that for a shape without the batch, and gives
    the network an input of one dimension too many.
    """
    with h5py.File(file, "r+") as network:
        config = json.loads(network.attrs["model_config"])
        layers = config["config"]["layers"] if config["class_name"] == "Sequential" else []
        if not layers or layers[0]["class_name"] == "InputLayer":
            return
        shape = layers[0]["config"].pop("batch_input_shape", None)
        if shape is not None:
            named = {"batch_input_shape": shape, "name": "input"}
            layers.insert(0, {"class_name": "InputLayer", "config": named})
            network.attrs["model_config"] = json.dumps(config)
