"""Learning from a user's corrected drawings, and the comparison with the shipped model."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits_client.draw.corrections import Corrections
from digits_training import networks
from digits_training.datasets import DatasetError, Mnist
from digits_training.errors import TrainingError
from digits_training.eval_sets import corrections_set
from digits_training.evaluate import evaluate
from digits_training.fit import fit
from digits_training.keras_files import load_network
from digits_training.mixture import MAX_SHARE_OF_DRAWINGS, build_mixture
from digits_training.network_path import network_path
from digits_training.settings import FitSettings

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    pytest.mark.usefixtures("small_mixture"),
]


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    """A folder of three ones that were read as sevens."""
    folder = tmp_path / "corrections"
    for x in (90, 100, 110):
        image = Image.new("L", (200, 200), 255)
        image.paste(0, (x, 30, x + 14, 170))
        Corrections(folder).add(image, (), 1, predicted="7", model_version="2")
    return folder


@pytest.fixture
def small_training_set(sample_mnist: Mnist) -> Mnist:
    """The samples with 200 images to train on."""
    return dataclasses.replace(
        sample_mnist, x_train=sample_mnist.x_train[:200], y_train=sample_mnist.y_train[:200]
    )


def test_corrected_drawings_are_an_eval_set_with_the_intended_digits(corrections: Path) -> None:
    eval_set = corrections_set(corrections)
    assert eval_set.labels.tolist() == [1, 1, 1]
    assert eval_set.images[0].shape == (200, 200)
    assert eval_set.images[0].min() == 0


def test_a_folder_without_drawings_or_with_a_broken_one_is_an_error(corrections: Path) -> None:
    with pytest.raises(DatasetError, match="has no corrected drawings"):
        corrections_set(corrections / "none")
    next(corrections.glob("*.png")).write_bytes(b"broken")
    with pytest.raises(DatasetError, match="cannot be read as corrected drawings"):
        corrections_set(corrections)


def test_drawings_get_a_small_share_each_and_a_limited_share_together(
    small_training_set: Mnist, data_dir: Path, corrections: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    components = build_mixture(small_training_set, data_dir, 100, 1, corrections).components
    assert len(components[-1].examples.labels) == 3
    assert components[-1].share == pytest.approx(3 * 0.002 / 1.006)
    assert sum(component.share for component in components) == pytest.approx(1)
    monkeypatch.setattr("digits_training.mixture.SHARE_PER_DRAWING", 1.0)
    limited = build_mixture(small_training_set, data_dir, 100, 1, corrections).components[-1].share
    assert limited == pytest.approx(MAX_SHARE_OF_DRAWINGS / (1 + MAX_SHARE_OF_DRAWINGS))


@pytest.mark.usefixtures("eager_tensorflow")
def test_training_starts_from_the_given_network(
    small_training_set: Mnist, data_dir: Path, corrections: Path, tmp_path: Path
) -> None:
    before = networks.compact(0.001, 10)
    before.save(tmp_path / "before.keras")
    settings = FitSettings.for_network(
        "compact",
        start_from=str(tmp_path / "before.keras"),
        drawings=str(corrections),
        epochs=1,
        epoch_count=100,
        batch_size=50,
        learning_rate=1e-7,
        validation_count=100,
    )
    assert settings.teacher_epochs == 0
    fit(settings, small_training_set, data_dir, tmp_path / "run")
    after = load_network(tmp_path / "run")
    kernels = [
        [w for w in model.trainable_weights if w.path.endswith("kernel")]
        for model in (before, after)
    ]
    for one, other in zip(*kernels, strict=True):
        assert np.allclose(one.numpy(), other.numpy(), atol=1e-4)


def test_training_cannot_start_from_a_network_without_the_class_for_other_things(
    small_training_set: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    networks.tutorial(1.0).save(tmp_path / "tutorial.keras")
    settings = FitSettings.for_network(
        "compact", start_from=str(tmp_path / "tutorial.keras"), validation_count=100
    )
    with pytest.raises(TrainingError, match=r"tutorial\.keras has 10 classes; "):
        fit(settings, small_training_set, data_dir, tmp_path / "run")


@pytest.mark.usefixtures("few_corruptions")
def test_an_evaluation_compares_with_the_shipped_model(
    sample_mnist: Mnist, corrections: Path, tmp_path: Path
) -> None:
    text = evaluate(
        network_path("shipped"), sample_mnist, tmp_path, tmp_path / "out", drawings=corrections
    )
    table = text.split("\n\n")[-2].splitlines()
    assert "version" in table[0]
    rows = {line[:20].strip(): line.split()[-2:] for line in table[1:]}
    # The shipped run's network, next to the model that was exported from it.
    assert rows["MNIST test set"][0] == rows["MNIST test set"][1]
    assert rows["Corrected drawings"][0] == rows["Corrected drawings"][1]
