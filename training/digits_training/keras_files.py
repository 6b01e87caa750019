"""Opening Keras files, also those that today's Keras would trip over."""

import json
import shutil
import tempfile
from pathlib import Path

import h5py
import keras


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
