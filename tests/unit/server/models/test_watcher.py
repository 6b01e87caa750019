"""The version that is served from a models folder, whatever happens to the folder."""

import asyncio
import contextlib
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from digits_server import models
from digits_server.errors import ModelError
from digits_server.models import ModelWatcher
from digits_server.models import watcher as watcher_module
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS
from tests.pipes import make_pipe

AddModel = Callable[[int], Path]


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def add_model(models_dir: Path) -> AddModel:
    """Return a function that adds a copy of the shipped model as another version."""
    shipped = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])

    def add(version: int) -> Path:
        folder = models_dir / str(version)
        part = models_dir / f"{version}.part"
        shutil.copytree(shipped, part)
        manifest = models.Manifest.read(shipped)
        dataclasses.replace(manifest, version=str(version)).write(part)
        part.rename(folder)
        return folder

    return add


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watcher(models_dir: Path, metrics: Metrics) -> ModelWatcher:
    return ModelWatcher(models_dir, 0, 1, metrics)


async def check(watcher: ModelWatcher, *, retry_rejected: bool = False) -> str | None:
    """Return the version that replaces the served one, if any."""
    model = await watcher.check(retry_rejected=retry_rejected)
    return model.manifest.version if model else None


async def test_a_higher_version_replaces_the_served_one_and_a_lower_one_does_not(
    watcher: ModelWatcher, add_model: AddModel
) -> None:
    add_model(5)
    assert (await watcher.load_first()).manifest.version == "5"
    assert await check(watcher) is None
    add_model(4)
    assert await check(watcher) is None
    add_model(12)
    assert await check(watcher) == "12"
    assert watcher.rejected == {}


async def test_removing_the_served_version_rolls_back(
    watcher: ModelWatcher, add_model: AddModel
) -> None:
    add_model(5)
    newest = add_model(6)
    assert (await watcher.load_first()).manifest.version == "6"
    shutil.rmtree(newest)
    assert await check(watcher) == "5"
    assert await check(watcher) is None


@pytest.mark.parametrize("damage", ["corrupted", "half copied", "no manifest", "wrong recipe"])
async def test_a_bad_version_is_rejected_until_it_is_repaired(
    watcher: ModelWatcher,
    add_model: AddModel,
    metrics: Metrics,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_model(5)
    await watcher.load_first()
    bad = add_model(6)
    model, manifest = bad / models.MODEL_FILE, bad / models.MANIFEST_FILE
    model_content, manifest_text = model.read_bytes(), manifest.read_text()
    match damage:
        case "corrupted":
            model.write_bytes(model_content[:-1] + b"x")
        case "half copied":
            model.write_bytes(model_content[: len(model_content) // 2])
        case "no manifest":
            manifest.unlink()
        case "wrong recipe":
            manifest.write_text(
                manifest_text.replace('"frame_recipe": "', '"frame_recipe": "other-')
            )
    for _ in range(3):
        assert await check(watcher) is None
    assert list(watcher.rejected) == ["6"]
    assert metrics.registry.get_sample_value("digits_rejected_model_versions") == 1
    # Loaded once, and not at every check.
    assert (
        metrics.registry.get_sample_value("digits_model_loads_total", {"result": "rejected"}) == 1
    )
    assert len([record for record in caplog.records if "is rejected" in record.message]) == 1
    model.write_bytes(model_content)
    manifest.write_text(manifest_text)
    assert await check(watcher) == "6"
    assert watcher.rejected == {}


async def test_a_bad_version_is_skipped_at_the_start(
    watcher: ModelWatcher, add_model: AddModel
) -> None:
    add_model(5)
    (add_model(6) / models.MODEL_FILE).unlink()
    assert (await watcher.load_first()).manifest.version == "5"
    assert "cannot be read" in watcher.rejected["6"]


async def test_nothing_in_the_folder_hides_a_good_version(
    watcher: ModelWatcher, add_model: AddModel, models_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_model(5)
    for version in (6, 7, 8, 9):
        add_model(version)
    (models_dir / "6" / models.MODEL_FILE).unlink()
    make_pipe(models_dir / "6" / models.MODEL_FILE)
    (models_dir / "7" / models.MANIFEST_FILE).write_text("[" * 100_000)
    (models_dir / "8").rename(models_dir / "moved")
    (models_dir / "8").symlink_to(models_dir / "moved")
    for number in range(100):
        (models_dir / "9" / str(number)).touch()
    make_pipe(models_dir / "10")
    for _ in range(2):
        model = await watcher.check()
    assert model is None
    assert watcher.rejected.keys() == {"6", "7", "8", "9"}
    assert "is not a regular file" in watcher.rejected["6"]
    assert "is not a valid manifest" in watcher.rejected["7"]
    assert "is a link" in watcher.rejected["8"]
    assert "has more than 64 entries" in watcher.rejected["9"]
    assert len([record for record in caplog.records if "is rejected" in record.message]) == 4
    for version in (6, 7, 9):
        shutil.rmtree(models_dir / str(version))
    (models_dir / "8").unlink()
    assert await check(watcher) is None  # version 5 has been served from the first check


async def test_a_version_that_cannot_be_loaded_now_is_loaded_later(
    watcher: ModelWatcher,
    add_model: AddModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(_: object) -> None:
        raise BlockingIOError("too many processes")

    add_model(5)
    await watcher.load_first()
    add_model(6)
    with monkeypatch.context() as context:
        context.setattr(watcher_module, "run_in_sandbox", fail)
        for _ in range(3):
            assert await check(watcher) is None
    assert "BlockingIOError: too many processes" in watcher.rejected["6"]
    assert len([record for record in caplog.records if "is rejected" in record.message]) == 1
    assert await check(watcher) == "6"


async def test_a_long_reason_is_cut(watcher: ModelWatcher, add_model: AddModel) -> None:
    add_model(5)
    folder = add_model(6)
    dataclasses.replace(models.Manifest.read(folder), frame_recipe="x" * 100_000).write(folder)
    await watcher.load_first()
    assert len(watcher.rejected["6"]) == 500


async def test_a_version_without_a_file_for_the_precision_is_rejected(
    models_dir: Path, add_model: AddModel, metrics: Metrics
) -> None:
    add_model(5)
    without = add_model(6)
    manifest = models.Manifest.read(without)
    files = {models.MODEL_FILE: manifest.files[models.MODEL_FILE]}
    dataclasses.replace(manifest, files=files).write(without)
    watcher = ModelWatcher(models_dir, 0, 1, metrics, "int8")
    model = await watcher.load_first()
    assert (model.manifest.version, model.precision) == ("5", "int8")
    assert "has no model.int8.tflite" in watcher.rejected["6"]


async def test_rejected_versions_can_be_loaded_again_on_request(
    watcher: ModelWatcher, add_model: AddModel, metrics: Metrics
) -> None:
    add_model(5)
    (add_model(6) / models.MODEL_FILE).unlink()
    await watcher.load_first()
    assert await check(watcher, retry_rejected=True) is None
    assert (
        metrics.registry.get_sample_value("digits_model_loads_total", {"result": "rejected"}) == 2
    )


async def test_only_the_pinned_version_is_served(
    models_dir: Path, add_model: AddModel, metrics: Metrics
) -> None:
    watcher = ModelWatcher(models_dir, 5, 1, metrics)
    with pytest.raises(ModelError, match="contains no models"):
        await watcher.load_first()
    add_model(6)
    with pytest.raises(ModelError, match="has no version 5; it has 6"):
        await watcher.load_first()
    add_model(5)
    assert (await watcher.load_first()).manifest.version == "5"
    add_model(7)
    assert await check(watcher) is None


async def test_a_removed_models_folder_is_reported_while_the_model_stays_served(
    watcher: ModelWatcher,
    add_model: AddModel,
    models_dir: Path,
    metrics: Metrics,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def missing() -> float | None:
        return metrics.registry.get_sample_value("digits_served_model_missing")

    add_model(5)
    await watcher.load_first()
    assert missing() == 0
    unmounted = f"{models_dir}-unmounted"
    shutil.move(models_dir, unmounted)
    for _ in range(3):
        assert await check(watcher) is None
        assert missing() == 1
    assert len([record for record in caplog.records if "from memory" in record.message]) == 1
    shutil.move(unmounted, models_dir)
    assert await check(watcher) is None
    assert missing() == 0
    shutil.rmtree(models_dir / "5")  # or an empty folder is left where the volume was
    assert await check(watcher) is None
    assert missing() == 1


async def test_watching_loads_a_better_version_at_once_on_request(
    watcher: ModelWatcher, add_model: AddModel
) -> None:
    add_model(5)
    await watcher.load_first()
    check_now, results = asyncio.Event(), asyncio.Queue[models.LoadedModel | None]()
    watching = asyncio.create_task(watcher.watch(0, check_now, results.put_nowait))
    add_model(6)
    check_now.set()
    better = await results.get()
    assert better is not None
    assert better.manifest.version == "6"
    check_now.set()
    assert await results.get() is None
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def test_watching_continues_by_itself_and_after_an_error(
    watcher: ModelWatcher, add_model: AddModel
) -> None:
    add_model(5)
    await watcher.load_first()
    results = asyncio.Queue[models.LoadedModel | None]()

    def on_check(model: models.LoadedModel | None) -> None:
        results.put_nowait(model)
        if results.qsize() == 1:
            raise RuntimeError("on_check failed")

    watching = asyncio.create_task(watcher.watch(0.001, asyncio.Event(), on_check))
    assert await results.get() is None
    assert await results.get() is None
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
