import asyncio
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models.engine import LiteRtEngine
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model, to be spoiled."""
    [version] = models.versions(SHIPPED_MODELS)
    return Path(shutil.copytree(SHIPPED_MODELS / str(version), tmp_path / str(version)))


def rewrite(folder: Path, **changes: object) -> None:
    manifest = models.Manifest.read(folder)
    dataclasses.replace(manifest, **changes).write(folder)  # type: ignore[arg-type]


def best(models_dir: Path, version: int = 0) -> models.LoadedModel:
    return asyncio.run(models.ModelWatcher(models_dir, version, 1, Metrics()).first())


def test_the_shipped_model_loads(folder: Path) -> None:
    model = best(folder.parent)
    assert model.manifest.version == folder.name
    assert model.manifest.metrics["mnist_test_accuracy"] >= 0.995


def test_the_highest_version_wins_and_a_named_one_is_taken(folder: Path) -> None:
    for name in ("9", "10", "011", "x", "-3", "0"):
        shutil.copytree(folder, folder.parent / name)
    assert models.versions(folder.parent) == [10, 9, int(folder.name)]
    rewrite_to = folder.parent / "10"
    text = (rewrite_to / models.MANIFEST_FILE).read_text()
    (rewrite_to / models.MANIFEST_FILE).write_text(
        text.replace(f'"version": "{folder.name}"', '"version": "10"')
    )
    assert best(folder.parent).manifest.version == "10"
    assert best(folder.parent, int(folder.name)).manifest.version == folder.name


@pytest.mark.parametrize(("version", "says"), [(0, "holds no model"), (5, "holds no model")])
def test_a_folder_without_models_is_refused(tmp_path: Path, version: int, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        best(tmp_path, version)


def test_a_missing_folder_and_a_missing_version_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        best(folder / "nowhere")
    with pytest.raises(ModelError, match=f"has no version 77; it has {folder.name}"):
        best(folder.parent, 77)


def test_an_altered_model_is_refused(folder: Path) -> None:
    with (folder / models.MODEL_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match="is not the file that its manifest names"):
        models.load_folder(folder, threads=1)


def test_a_half_copied_model_is_refused(folder: Path) -> None:
    data = (folder / models.MODEL_FILE).read_bytes()
    (folder / models.MODEL_FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError):
        models.load_folder(folder, threads=1)
    (folder / models.MODEL_FILE).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        models.load_folder(folder, threads=1)


def test_a_torn_manifest_is_refused(folder: Path) -> None:
    text = (folder / models.MANIFEST_FILE).read_text()
    for broken in ("", text[:100], "[]", "{}", text.replace("temperature", "warmth")):
        (folder / models.MANIFEST_FILE).write_text(broken)
        with pytest.raises(ModelError, match="is not a manifest"):
            models.load_folder(folder, threads=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "8000"},
        {"labels": ("a", "b")},
        {"temperature": 0},
        {"rejection_threshold": 1.5},
        {"metrics": {}},
        {"metrics": ["mnist_test_accuracy"]},
        {"metrics": {"mnist_test_accuracy": "good"}},
        {"metrics": {"mnist_test_accuracy": 99.6}},
        {"files": ["model.tflite"]},
        {"files": {}},
    ],
)
def test_a_manifest_with_a_value_out_of_range_is_refused(
    folder: Path, changes: dict[str, object]
) -> None:
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match="is not a manifest"):
        models.load_folder(folder, threads=1)


def test_a_model_for_other_frames_is_refused(folder: Path) -> None:
    rewrite(folder, frame_recipe="other/1")
    with pytest.raises(ModelError, match="recipe 'other/1'"):
        models.load_folder(folder, threads=1)


def test_a_file_that_is_no_model_is_refused(folder: Path) -> None:
    (folder / models.MODEL_FILE).write_bytes(b"no model" * 100)
    rewrite_checksum(folder)
    with pytest.raises(ModelError, match="is not a LiteRT model"):
        models.load_folder(folder, threads=1)


def rewrite_checksum(folder: Path) -> None:
    values = json.loads((folder / models.MANIFEST_FILE).read_text())
    values["files"][models.MODEL_FILE] = models.sha256(folder / models.MODEL_FILE)
    (folder / models.MANIFEST_FILE).write_text(json.dumps(values))


def test_a_model_that_knows_no_plain_digits_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_zero(_: LiteRtEngine, frames: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[np.zeros(len(frames), int)]

    monkeypatch.setattr(LiteRtEngine, "predict", always_zero)
    with pytest.raises(ModelError, match="knows 1 of 10 plain digits"):
        models.load_folder(folder, threads=1)
