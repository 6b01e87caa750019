"""Images to train on: MNIST if it is available, and small sets from the repository."""

import gzip
import importlib.util
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from digits_server.preprocessing.normalize import normalize
from digits_training.corruptions import CORRUPTIONS
from digits_training.datasets import DatasetError, Mnist, load_mnist
from digits_training.mixture import Amounts
from digits_training.scenes import BLANK_KINDS

if TYPE_CHECKING:
    import keras

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
SHIFTS = (-1, 0, 1)

_spec = importlib.util.spec_from_file_location(
    "draw_samples", SAMPLES.parent / "scripts" / "draw_samples.py"
)
assert _spec is not None
assert _spec.loader is not None
draw_samples = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(draw_samples)


AMOUNTS = Amounts(
    stroke_copies=2,
    letter_copies=2,
    scene_copies=1,
    template_count=20,
    scribble_count=20,
    joined_count=20,
    fragment_count=20,
    blank_count=13,
)
"""How much small mixtures draw."""


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST itself; the test is skipped without it."""
    try:
        return load_mnist(download=False)
    except DatasetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def sample_mnist() -> Mnist:
    """The repository's samples in the form of MNIST: 50 for the test, 450 shifted to train on."""
    files = sorted(SAMPLES.glob("[0-9]/*.png"))
    frames = [normalize(np.asarray(Image.open(file).convert("L"))) for file in files]
    images = np.rint(np.stack(frames) * 255).astype(np.uint8)
    labels = np.array([int(file.parent.name) for file in files], np.uint8)
    shifted = [np.roll(images, (down, right), (1, 2)) for down in SHIFTS for right in SHIFTS]
    return Mnist(np.concatenate(shifted), np.tile(labels, len(shifted)), images, labels)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with small sets of pen strokes and letters in the format of the real ones."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(1)
    with gzip.open(folder / "pendigits-train-strokes.jsonl.gz", "wt") as lines:
        for writer in (1, 2, 3, 5):  # two to train on, one for validation, one for the test
            for digit in list(range(10)) * 2:
                stretch = random.uniform(0.8, 1.2)
                strokes = [
                    [[round(x * 300 * stretch), round(y * 400)] for x, y in stroke]
                    for stroke in draw_samples.DIGITS[digit]
                ]
                row = {"label": digit, "writer": f"pen-train-{writer}", "strokes": strokes}
                lines.write(json.dumps(row) + "\n")
    names = [f"{alphabet}/character03" for alphabet in ("Sanskrit", "Balinese", "Greek")] * 8
    letters = np.zeros((len(names), 56, 56), np.uint8)
    for letter in letters:  # a cross, thick enough to survive any redrawing
        middle = random.integers(20, 36)
        letter[middle - 2 : middle + 2, 8:48] = 255
        letter[8:48, middle - 2 : middle + 2] = 255
    np.savez(folder / "omniglot_small.npz", x=letters, y=np.array(names))
    return folder


@pytest.fixture(scope="module")
def small_mixture() -> Iterator[None]:
    """Mixtures have few synthetic images, and augmentation few fields."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "mixture.AMOUNTS": AMOUNTS,
            "strip_mixture.WRITTEN_COUNT": 60,
            "strip_mixture.COMPOSED_COUNT": 40,
            "strip_mixture.BLANK_COUNT": 20,
            "augment.FIELD_COUNT": 64,
        }.items():
            patch.setattr(f"digits_training.{name}", value)
        yield


@pytest.fixture(autouse=True)
def few_blank_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation has a blank image of each kind."""
    monkeypatch.setattr("digits_training.drawn_sets.BLANK_COUNT", len(BLANK_KINDS))


@pytest.fixture
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation corrupts two images, in two of the eight ways."""
    monkeypatch.setattr("digits_training.evaluate.CORRUPTED_COUNT", 2)
    monkeypatch.setattr("digits_training.robustness.CORRUPTIONS", CORRUPTIONS[:2])


@pytest.fixture
def eager_tensorflow() -> Iterator[None]:
    """TensorFlow runs eagerly, because tracing a network takes longer than a few steps of it."""
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore", category=UserWarning):
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def linear_model(sample_mnist: Mnist) -> "keras.Model":
    """The smallest network that knows plain digits: one layer, trained on the samples."""
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
    frames = sample_mnist.x_train[..., None].astype(np.float32) / 255
    model.fit(frames, sample_mnist.y_train, batch_size=32, epochs=12, verbose=0)
    return model


@pytest.fixture(scope="session")
def convolutional_model(sample_mnist: Mnist) -> "keras.Model":
    """A small network with convolutions that knows plain digits."""
    import keras

    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy")
    frames = sample_mnist.x_train[..., None].astype(np.float32) / 255
    model.fit(frames, sample_mnist.y_train, batch_size=32, epochs=8, verbose=0)
    return model
