"""Learning from drawings that a person has put right, and seeing what it changed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits_client.draw.corrections import Corrections
from digits_training import networks
from digits_training.datasets import DatasetError, Mnist
from digits_training.errors import TrainingError
from digits_training.eval_sets import drawing_suite
from digits_training.evaluate import evaluate
from digits_training.fit import fit
from digits_training.keras_files import load_network
from digits_training.mixture import MAX_SHARE_OF_DRAWINGS, curriculum
from digits_training.settings import FitSettings
from digits_training.sources import source_named

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _few_scribbles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits_training.mixture.SCRIBBLE_COUNT", 40)
    monkeypatch.setattr("digits_training.mixture.HABIT_COUNT", 40)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of three ones that were taken for sevens."""
    folder = tmp_path / "kept"
    for place in (90, 100, 110):
        image = Image.new("L", (200, 200), 255)
        image.paste(0, (place, 30, place + 14, 170))
        Corrections(folder).add(image, (), 1, predicted="7", model_version="2")
    return folder


def test_corrected_drawings_are_a_suite_with_what_was_meant(kept: Path) -> None:
    suite = drawing_suite(kept)
    assert suite.labels.tolist() == [1, 1, 1]
    assert suite.images[0].shape == (200, 200)
    assert suite.images[0].min() == 0


def test_a_folder_without_drawings_or_with_a_broken_one_is_named(kept: Path) -> None:
    with pytest.raises(DatasetError, match="holds no corrected drawings"):
        drawing_suite(kept / "none")
    next(kept.glob("*.png")).write_bytes(b"broken")
    with pytest.raises(DatasetError, match="cannot be read as corrected drawings"):
        drawing_suite(kept)


def test_drawings_are_drawn_seldom_and_never_too_often(
    drawings: Mnist, data_dir: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = curriculum(drawings, data_dir, 100, 1, kept)
    assert len(made.kinds[-1].examples.labels) == 3
    assert made.kinds[-1].share == pytest.approx(3 * 0.002 / 1.006)
    assert sum(kind.share for kind in made.kinds) == pytest.approx(1)
    monkeypatch.setattr("digits_training.mixture.SHARE_OF_A_DRAWING", 1.0)
    often = curriculum(drawings, data_dir, 100, 1, kept).kinds[-1].share
    assert often == pytest.approx(MAX_SHARE_OF_DRAWINGS / (1 + MAX_SHARE_OF_DRAWINGS))


def test_a_network_is_trained_further_from_where_it_was(
    drawings: Mnist, data_dir: Path, kept: Path, tmp_path: Path
) -> None:
    begun = networks.compact(0.001, 10)
    begun.save(tmp_path / "begun.keras")
    settings = FitSettings.for_network(
        "compact",
        start_from=str(tmp_path / "begun.keras"),
        drawings=str(kept),
        epochs=1,
        epoch_count=100,
        batch_size=50,
        learning_rate=1e-7,
        validation_count=100,
    )
    assert settings.teacher_epochs == 0
    fit(settings, drawings, data_dir, tmp_path / "run")
    after = load_network(tmp_path / "run")
    kernels = [
        [w for w in model.trainable_weights if w.path.endswith("kernel")]
        for model in (begun, after)
    ]
    for one, other in zip(*kernels, strict=True):
        assert np.allclose(one.numpy(), other.numpy(), atol=1e-4)


def test_a_network_of_another_kind_is_nothing_to_begin_with(
    drawings: Mnist, data_dir: Path, tmp_path: Path
) -> None:
    networks.tutorial(1.0).save(tmp_path / "tutorial.keras")
    settings = FitSettings.for_network(
        "compact", start_from=str(tmp_path / "tutorial.keras"), validation_count=100
    )
    with pytest.raises(TrainingError, match="another network than compact"):
        fit(settings, drawings, data_dir, tmp_path / "run")


def test_an_evaluation_shows_the_shipped_model_beside_the_new_one(
    drawings: Mnist, kept: Path, tmp_path: Path
) -> None:
    text = evaluate(source_named("shipped"), drawings, tmp_path, tmp_path / "out", drawings=kept)
    table = text.split("\n\n")[-2].splitlines()
    assert "version" in table[0]
    rows = {line[:20].strip(): line.split()[-2:] for line in table[1:]}
    # The network that is shipped, beside the model that is made of it.
    assert rows["MNIST test set"][0] == rows["MNIST test set"][1]
    assert rows["Corrected drawings"][0] == rows["Corrected drawings"][1]
