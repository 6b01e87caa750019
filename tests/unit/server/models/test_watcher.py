"""Which version of a folder of models is served, whatever happens to the folder."""

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
from digits_server.ops.metrics import Metrics
from digits_server.settings import SHIPPED_MODELS

Add = Callable[[int], Path]


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def add(models_dir: Path) -> Add:
    """Copy the shipped model as another version."""
    shipped = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])

    def copy(version: int) -> Path:
        folder = models_dir / str(version)
        part = models_dir / f"{version}.part"
        shutil.copytree(shipped, part)
        manifest = models.Manifest.read(shipped)
        dataclasses.replace(manifest, version=str(version)).write(part)
        part.rename(folder)
        return folder

    return copy


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def watcher(models_dir: Path, metrics: Metrics) -> ModelWatcher:
    return ModelWatcher(models_dir, 0, 1, metrics)


async def look(watcher: ModelWatcher, *, again: bool = False) -> str | None:
    model = await watcher.look(again=again)
    return model.manifest.version if model else None


async def test_a_higher_version_is_served_and_a_lower_one_is_not(
    watcher: ModelWatcher, add: Add
) -> None:
    add(5)
    assert (await watcher.first()).manifest.version == "5"
    assert await look(watcher) is None
    add(4)
    assert await look(watcher) is None
    add(12)
    assert await look(watcher) == "12"
    assert watcher.rejected == {}


async def test_removing_the_served_version_rolls_back(watcher: ModelWatcher, add: Add) -> None:
    add(5)
    newest = add(6)
    assert (await watcher.first()).manifest.version == "6"
    shutil.rmtree(newest)
    assert await look(watcher) == "5"
    assert await look(watcher) is None


@pytest.mark.parametrize("harm", ["corrupted", "half copied", "no manifest", "wrong recipe"])
async def test_a_bad_version_is_kept_out_until_it_is_mended(
    watcher: ModelWatcher, add: Add, metrics: Metrics, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    add(5)
    await watcher.first()
    bad = add(6)
    model, manifest = bad / models.MODEL_FILE, bad / models.MANIFEST_FILE
    whole, said = model.read_bytes(), manifest.read_text()
    match harm:
        case "corrupted":
            model.write_bytes(whole[:-1] + b"x")
        case "half copied":
            model.write_bytes(whole[: len(whole) // 2])
        case "no manifest":
            manifest.unlink()
        case "wrong recipe":
            manifest.write_text(said.replace('"frame_recipe": "', '"frame_recipe": "other-'))
    for _ in range(3):
        assert await look(watcher) is None
    assert list(watcher.rejected) == ["6"]
    assert metrics.registry.get_sample_value("digits_rejected_model_versions") == 1
    # Tried once, and not at every look.
    assert (
        metrics.registry.get_sample_value("digits_model_loads_total", {"result": "rejected"}) == 1
    )
    assert len([record for record in caplog.records if "is not served" in record.message]) == 1
    model.write_bytes(whole)
    manifest.write_text(said)
    assert await look(watcher) == "6"
    assert watcher.rejected == {}


async def test_a_bad_version_is_passed_over_from_the_beginning(
    watcher: ModelWatcher, add: Add
) -> None:
    add(5)
    (add(6) / models.MODEL_FILE).unlink()
    assert (await watcher.first()).manifest.version == "5"
    assert "cannot be read" in watcher.rejected["6"]


async def test_asked_again_it_tries_what_it_had_rejected(
    watcher: ModelWatcher, add: Add, metrics: Metrics
) -> None:
    add(5)
    (add(6) / models.MODEL_FILE).unlink()
    await watcher.first()
    assert await look(watcher, again=True) is None
    assert (
        metrics.registry.get_sample_value("digits_model_loads_total", {"result": "rejected"}) == 2
    )


async def test_only_the_wanted_version_is_served(
    models_dir: Path, add: Add, metrics: Metrics
) -> None:
    watcher = ModelWatcher(models_dir, 5, 1, metrics)
    with pytest.raises(ModelError, match="holds no model"):
        await watcher.first()
    add(6)
    with pytest.raises(ModelError, match="has no version 5; it has 6"):
        await watcher.first()
    add(5)
    assert (await watcher.first()).manifest.version == "5"
    add(7)
    assert await look(watcher) is None


async def test_without_any_folder_the_served_one_goes_on_and_that_is_said_once(
    watcher: ModelWatcher, add: Add, models_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(5)
    await watcher.first()
    shutil.rmtree(models_dir)
    for _ in range(3):
        assert await look(watcher) is None
    assert len([record for record in caplog.records if "from memory" in record.message]) == 1


async def test_following_shows_what_is_better_at_once_when_asked(
    watcher: ModelWatcher, add: Add
) -> None:
    add(5)
    await watcher.first()
    asked, shown = asyncio.Event(), asyncio.Queue[models.LoadedModel | None]()
    following = asyncio.create_task(watcher.follow(0, asked, shown.put_nowait))
    add(6)
    asked.set()
    better = await shown.get()
    assert better is not None
    assert better.manifest.version == "6"
    asked.set()
    assert await shown.get() is None
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following


async def test_following_goes_on_by_itself_and_outlives_a_failure(
    watcher: ModelWatcher, add: Add
) -> None:
    add(5)
    await watcher.first()
    shown = asyncio.Queue[models.LoadedModel | None]()

    def show(model: models.LoadedModel | None) -> None:
        shown.put_nowait(model)
        if shown.qsize() == 1:
            raise RuntimeError("the first is dropped")

    following = asyncio.create_task(watcher.follow(0.001, asyncio.Event(), show))
    assert await shown.get() is None
    assert await shown.get() is None
    following.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await following
