import asyncio
import dataclasses
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits_client.bench.image_kinds import drawn_numbers
from digits_server import models
from digits_server.errors import ModelError
from digits_server.models.engine import LiteRtEngine
from digits_server.models.line_engine import LiteRtLineEngine
from digits_server.models.registry import SELF_TEST_IMAGES
from digits_server.ops.metrics import Metrics
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.framing import EncodedImage, to_frames
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import PRECISIONS, SHIPPED_MODELS
from tests.pipes import make_pipe

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**20)
INT8_FILE = models.MODEL_FILES["int8"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model that tests may damage."""
    [version] = models.versions(SHIPPED_MODELS)
    return Path(shutil.copytree(SHIPPED_MODELS / str(version), tmp_path / str(version)))


def rewrite_manifest(folder: Path, **changes: object) -> None:
    manifest = models.Manifest.read(folder)
    dataclasses.replace(manifest, **changes).write(folder)  # type: ignore[arg-type]


def remove_int8(folder: Path) -> None:
    """Make a folder one that was exported for float32 only."""
    (folder / INT8_FILE).unlink()
    rewrite_manifest_text(folder, lambda values: values["files"].pop(INT8_FILE))


def plain_digit(digit: int) -> np.ndarray:
    """Return the frame of a self-test image."""
    content = (SELF_TEST_IMAGES / f"{digit}.png").read_bytes()
    return normalize(decode(content, LIMITS).gray)


def best(models_dir: Path, version: int = 0) -> models.LoadedModel:
    return asyncio.run(models.ModelWatcher(models_dir, version, 1, Metrics()).load_first())


def test_the_shipped_model_loads(folder: Path) -> None:
    model = best(folder.parent)
    assert model.manifest.version == folder.name
    assert model.manifest.metrics["mnist_test_accuracy"] >= 0.995


def test_every_precision_of_the_settings_has_a_file() -> None:
    assert set(PRECISIONS) == models.MODEL_FILES.keys() == models.ACCURACY_METRICS.keys()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_shipped_model_has_a_file_for_each_precision(
    folder: Path, precision: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert models.load_folder(folder, 1, precision).precision == precision
    assert f"model {folder.name} ({precision}) loaded and self-tested" in caplog.text


def test_the_files_of_the_shipped_model_compute_differently_but_agree(folder: Path) -> None:
    frames = np.stack([plain_digit(digit) for digit in range(10)])
    float32, int8 = (
        LiteRtEngine((folder / models.MODEL_FILES[precision]).read_bytes(), 1).predict(frames)
        for precision in PRECISIONS
    )
    assert 0 < np.abs(float32 - int8).max() < 0.05
    np.testing.assert_array_equal(float32.argmax(axis=1), int8.argmax(axis=1))


@pytest.mark.parametrize("name", ["mnist", "strokes", "letters"])
def test_int8_loses_at_most_a_twentieth_of_a_point_on_each_set(folder: Path, name: str) -> None:
    metrics = models.Manifest.read(folder).metrics
    assert metrics[f"int8_{name}_right"] >= metrics[f"{name}_right"] - 0.0005


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_corrupt_file_for_int8_is_rejected_in_every_precision(
    folder: Path, precision: str
) -> None:
    content = bytearray((folder / INT8_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / INT8_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=f"{INT8_FILE} does not match the checksum"):
        models.load_folder(folder, 1, precision)


def test_a_missing_file_for_int8_is_rejected(folder: Path) -> None:
    (folder / INT8_FILE).unlink()
    with pytest.raises(ModelError, match=f"{INT8_FILE} cannot be read"):
        models.load_folder(folder, 1, "int8")


def test_a_model_exported_for_float32_only_is_served_in_float32_only(folder: Path) -> None:
    remove_int8(folder)
    assert models.load_folder(folder, 1).precision == "float32"
    with pytest.raises(
        ModelError, match=f"{folder} has no {INT8_FILE}, so it cannot be served in int8$"
    ):
        models.load_folder(folder, 1, "int8")


@pytest.mark.parametrize("content", [b"not a model" * 100, b""])
def test_a_file_for_int8_that_is_not_a_model_is_rejected(folder: Path, content: bytes) -> None:
    (folder / INT8_FILE).write_bytes(content)
    rewrite_checksum(folder, INT8_FILE)
    with pytest.raises(ModelError, match=f"{INT8_FILE} cannot be served: it is not a LiteRT"):
        models.load_folder(folder, 1, "int8")


def test_the_highest_or_the_pinned_version_is_loaded(folder: Path) -> None:
    for name in ("9", "10", "011", "x", "-3", "0"):
        shutil.copytree(folder, folder.parent / name)
    assert models.versions(folder.parent) == [10, 9, int(folder.name)]
    manifest = folder.parent / "10" / models.MANIFEST_FILE
    text = manifest.read_text()
    manifest.write_text(text.replace(f'"version": "{folder.name}"', '"version": "10"'))
    assert best(folder.parent).manifest.version == "10"
    assert best(folder.parent, int(folder.name)).manifest.version == folder.name


@pytest.mark.parametrize("version", [0, 5])
def test_a_folder_without_models_is_an_error(tmp_path: Path, version: int) -> None:
    with pytest.raises(ModelError, match="contains no models"):
        best(tmp_path, version)


def test_a_missing_folder_and_a_missing_version_are_errors(folder: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        best(folder / "nowhere")
    with pytest.raises(ModelError, match=f"has no version 77; it has {folder.name}"):
        best(folder.parent, 77)


def test_an_altered_model_is_rejected(folder: Path) -> None:
    with (folder / models.MODEL_FILE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match="does not match the checksum in its manifest"):
        models.load_folder(folder)


def test_a_half_copied_model_is_rejected(folder: Path) -> None:
    data = (folder / models.MODEL_FILE).read_bytes()
    (folder / models.MODEL_FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError):
        models.load_folder(folder)
    (folder / models.MODEL_FILE).unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        models.load_folder(folder)


def test_an_invalid_manifest_is_rejected(folder: Path) -> None:
    text = (folder / models.MANIFEST_FILE).read_text()
    for broken in ("", text[:100], "[]", "{}", text.replace("temperature", "warmth")):
        (folder / models.MANIFEST_FILE).write_text(broken)
        with pytest.raises(ModelError, match="is not a valid manifest"):
            models.load_folder(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "8000"},
        {"labels": ("a", "b")},
        {"temperature": 0},
        {"temperature": math.inf},
        {"temperature": 10**400},
        {"rejection_threshold": 1.5},
        {"number_weights": [1.0, 0.0]},
        {"number_weights": [1.0, 0.0, float("nan")]},
        {"number_weights": ["1", 0, 0]},
        {"number_weights": 3},
        {"metrics": {}},
        {"metrics": ["mnist_test_accuracy"]},
        {"metrics": {"mnist_test_accuracy": "good"}},
        {"metrics": {"mnist_test_accuracy": 99.6}},
        {"files": ["model.tflite"]},
        {"files": {}},
        {"metrics": {"mnist_test_accuracy": 0.9}},  # without that of the file for int8
        {"metrics": {"mnist_test_accuracy": 0.9, "int8_mnist_test_accuracy": 99.6}},
    ],
)
def test_a_manifest_with_an_invalid_value_is_rejected(
    folder: Path, changes: dict[str, object]
) -> None:
    rewrite_manifest(folder, **changes)
    with pytest.raises(ModelError, match="is not a valid manifest"):
        models.load_folder(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../4/model.tflite",
        "/etc/hostname",
        "..",
        ".",
        "",
        "a\0b",
        "a/b",
        "a\nb",
        "\ud800",
        "..\\a",
        "C:a",
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_rejected(folder: Path, name: str) -> None:
    rewrite_manifest_text(folder, lambda values: values["files"].update({name: "0" * 64}))
    with pytest.raises(ModelError, match="is not the name of a file in the folder"):
        models.load_folder(folder)


def test_a_manifest_with_many_files_is_rejected(folder: Path) -> None:
    names = {str(number): "0" * 64 for number in range(15)}
    rewrite_manifest_text(folder, lambda values: values["files"].update(names))
    with pytest.raises(ModelError, match="files has more than 16 entries"):
        models.load_folder(folder)


@pytest.mark.parametrize("depth", [500, 100_000])
def test_a_deep_manifest_is_rejected(folder: Path, depth: int) -> None:
    (folder / models.MANIFEST_FILE).write_text("[" * depth + "]" * depth)
    with pytest.raises(ModelError, match="is not a valid manifest"):
        models.load_folder(folder)


@pytest.mark.parametrize("name", [models.MANIFEST_FILE, models.MODEL_FILE])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("FIFO", "is not a regular file"),
        ("folder", "cannot be read: Is a directory"),
        ("link to a FIFO", "is a link"),
        ("link out of the folder", "is a link"),
        ("broken link", "is a link"),
        ("huge file", "is larger than"),
    ],
)
def test_only_regular_files_of_the_folder_are_read(
    folder: Path, name: str, kind: str, reason: str
) -> None:
    path, moved, fifo = folder / name, folder.parent / "moved", folder.parent / "fifo"
    path.replace(moved)
    make_pipe(fifo)
    match kind:
        case "FIFO":
            make_pipe(path)
        case "folder":
            path.mkdir()
        case "link to a FIFO":
            path.symlink_to(fifo)
        case "link out of the folder":
            path.symlink_to(moved)
        case "broken link":
            path.symlink_to("nowhere")
        case "huge file":
            with path.open("wb") as file:
                file.truncate(2**40)  # takes no space
    with pytest.raises(ModelError, match=f"{path} {reason}"):
        models.load_folder(folder)


def test_a_link_to_a_version_is_rejected(folder: Path) -> None:
    link = folder.parent / "links" / folder.name
    link.parent.mkdir()
    link.symlink_to(folder)
    with pytest.raises(ModelError, match=f"{link} is a link"):
        models.load_folder(link)


def test_a_model_for_another_frame_recipe_is_rejected(folder: Path) -> None:
    rewrite_manifest(folder, frame_recipe="other/1")
    with pytest.raises(ModelError, match="recipe 'other/1'"):
        models.load_folder(folder)


def test_a_file_that_is_not_a_model_is_rejected(folder: Path) -> None:
    (folder / models.MODEL_FILE).write_bytes(b"not a model" * 100)
    rewrite_checksum(folder, models.MODEL_FILE)
    with pytest.raises(ModelError, match="is not a LiteRT model"):
        models.load_folder(folder)


def rewrite_checksum(folder: Path, name: str) -> None:
    checksum = models.sha256(folder / name)
    rewrite_manifest_text(folder, lambda values: values["files"].update({name: checksum}))


def rewrite_manifest_text(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest that does not match its folder any more."""
    values = json.loads((folder / models.MANIFEST_FILE).read_text())
    change(values)
    (folder / models.MANIFEST_FILE).write_text(json.dumps(values))


@pytest.mark.parametrize("value", [np.nan, -1, 0.5, 2])
def test_a_model_whose_output_is_not_probabilities_is_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def logits(_: LiteRtEngine, frames: np.ndarray) -> np.ndarray:
        return np.full((len(frames), 10), value, np.float32)

    monkeypatch.setattr(LiteRtEngine, "predict", logits)
    with pytest.raises(ModelError, match="its output is not ten to twelve probabilities"):
        models.load_folder(folder)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, RecursionError, OverflowError])
def test_an_error_of_the_first_call_is_a_rejection(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object) -> np.ndarray:
        raise error("broken")

    monkeypatch.setattr(LiteRtEngine, "predict", fail)
    with pytest.raises(ModelError, match=f"it cannot be run: {error.__name__}: broken"):
        models.load_folder(folder)


def test_a_model_that_fails_the_self_test_is_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_zero(_: LiteRtEngine, frames: np.ndarray) -> np.ndarray:
        return np.eye(10, dtype=np.float32)[np.zeros(len(frames), int)]

    monkeypatch.setattr(LiteRtEngine, "predict", always_zero)
    with pytest.raises(ModelError, match="recognizes only 1 of the 10 self-test images"):
        models.load_folder(folder)


def test_a_model_without_a_line_network_reads_single_digits_only(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / models.LINE_FILE).unlink()
    rewrite_manifest_text(folder, lambda values: values["files"].pop(models.LINE_FILE))
    model = models.load_folder(folder)
    assert model.line_engines == ()
    assert f"model {folder.name} reads single digits only" in caplog.text
    image = next(iter(drawn_numbers().values()))
    frames = to_frames([EncodedImage(image.encoded)], LIMITS, Layout.NUMBER)
    assert frames.lines
    assert model.predict(frames).numbers == {}


def test_a_line_network_that_is_none_is_rejected(folder: Path) -> None:
    (folder / models.LINE_FILE).write_bytes((folder / models.MODEL_FILE).read_bytes())
    rewrite_checksum(folder, models.LINE_FILE)
    with pytest.raises(ModelError, match="line network"):
        models.load_folder(folder)


def test_a_line_network_that_fails_the_self_test_is_rejected(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_one(_: LiteRtLineEngine, strip: np.ndarray) -> np.ndarray:
        return np.eye(12, dtype=np.float32)[np.ones(strip.shape[1] // 2, int)]

    monkeypatch.setattr(LiteRtLineEngine, "predict", always_one)
    with pytest.raises(
        ModelError, match="its line network recognizes only 1 of the 10 self-test images"
    ):
        models.load_folder(folder)
