"""Loading the tutorial's ``mnist.h5`` as written by Keras 2."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from digits_training.keras_files import load_network, predict

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
UNIFORM = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
}
WEIGHTED = {
    "use_bias": True,
    "kernel_initializer": UNIFORM,
    "kernel_regularizer": None,
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}


def convolution(name: str, filters: int) -> dict[str, Any]:
    geometry = {"kernel_size": [3, 3], "strides": [1, 1], "dilation_rate": [1, 1]}
    options = {"padding": "valid", "data_format": "channels_last", "activation": "relu"}
    return layer("Conv2D", name, filters=filters, **geometry, **options, **WEIGHTED)


def dense(name: str, units: int, activation: str) -> dict[str, Any]:
    return layer("Dense", name, units=units, activation=activation, **WEIGHTED)


def dropout(name: str, rate: float) -> dict[str, Any]:
    return layer("Dropout", name, rate=rate, noise_shape=None, seed=None)


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, "trainable": True, **config}}


@pytest.fixture
def weights() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernel and bias of each layer with weights; smaller than the tutorial's."""
    random = np.random.default_rng(1)
    kernels = {
        "conv2d_1": (3, 3, 1, 4),
        "conv2d_2": (3, 3, 4, 8),
        "dense_1": (1152, 16),
        "dense_2": (16, 10),
    }
    return {
        name: (
            random.normal(0, 0.1, shape).astype(np.float32),
            random.normal(0, 0.1, shape[-1]).astype(np.float32),
        )
        for name, shape in kernels.items()
    }


@pytest.fixture
def old_file(tmp_path: Path, weights: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """A file in the format of Keras 2.2 with the tutorial's layers."""
    layers = [
        convolution("conv2d_1", 4),
        convolution("conv2d_2", 8),
        layer(
            "MaxPooling2D",
            "max_pooling2d_1",
            pool_size=[2, 2],
            strides=[2, 2],
            padding="valid",
            data_format="channels_last",
        ),
        dropout("dropout_1", 0.25),
        layer("Flatten", "flatten_1", data_format="channels_last"),
        dense("dense_1", 16, "relu"),
        dropout("dropout_2", 0.5),
        dense("dense_2", 10, "softmax"),
    ]
    layers[0]["config"] |= {"batch_input_shape": [None, 28, 28, 1], "dtype": "float32"}
    config = {"class_name": "Sequential", "config": {"name": "sequential_1", "layers": layers}}
    optimizer = {"class_name": "Adadelta", "config": {"lr": 1.0, "rho": 0.95, "decay": 0.0}}
    with h5py.File(tmp_path / "mnist.h5", "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps({"optimizer_config": optimizer}).encode()
        group = file.create_group("model_weights")
        group.attrs["keras_version"] = b"2.2.4"
        group.attrs["backend"] = b"tensorflow"
        group.attrs["layer_names"] = [each["config"]["name"].encode() for each in layers]
        for each in layers:
            name = each["config"]["name"]
            layer_group = group.create_group(name)
            parts = dict(zip(("kernel:0", "bias:0"), weights.get(name, ()), strict=False))
            layer_group.attrs["weight_names"] = [f"{name}/{part}".encode() for part in parts]
            for part, values in parts.items():
                layer_group[f"{name}/{part}"] = values
    return tmp_path / "mnist.h5"


def test_a_keras_2_file_loads_with_its_weights(
    old_file: Path, weights: dict[str, tuple[np.ndarray, np.ndarray]]
) -> None:
    model = load_network(old_file)
    flat = [part for parts in weights.values() for part in parts]
    for loaded, expected in zip(model.get_weights(), flat, strict=True):
        assert np.array_equal(loaded, expected)
    frames = np.random.default_rng(2).random((3, 28, 28), np.float32)
    probs = predict(model, frames)
    assert probs.shape == (3, 10)
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert not np.allclose(probs[0], probs[1])
