"""Images to train on: MNIST where it is at hand, and a small set that always is."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from digits_server.frames import make_frame
from digits_training.datasets import DatasetError, Mnist, load_mnist

if TYPE_CHECKING:
    import keras

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SHIFTS = (-1, 0, 1)


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST itself."""
    try:
        return load_mnist(download=False)
    except DatasetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def drawings() -> Mnist:
    """The repository's drawings in the form of MNIST: 450 to train on, shifted, and 50 to test."""
    files = sorted(SAMPLES.glob("[0-9]/*.png"))
    frames = [make_frame(np.asarray(Image.open(file).convert("L"))) for file in files]
    images = np.rint(np.stack(frames) * 255).astype(np.uint8)
    labels = np.array([int(file.parent.name) for file in files], np.uint8)
    shifted = [np.roll(images, (down, right), (1, 2)) for down in SHIFTS for right in SHIFTS]
    return Mnist(np.concatenate(shifted), np.tile(labels, len(shifted)), images, labels)


@pytest.fixture(scope="session")
def linear(drawings: Mnist) -> "keras.Model":
    """The smallest network that knows plain digits: one layer, trained on the drawings."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy")
    frames = drawings.x_train[..., None].astype(np.float32) / 255
    model.fit(frames, drawings.y_train, batch_size=32, epochs=12, verbose=0)
    return model
