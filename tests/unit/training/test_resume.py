"""Runs that are stopped and go on."""

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from digits_training import cli, networks
from digits_training.datasets import Mnist
from digits_training.errors import TrainingError
from digits_training.fit import fit
from digits_training.keras_files import load_network
from digits_training.record import RunRecord
from digits_training.run_folder import RunFolder, save_arrays, stored_settings
from digits_training.settings import LONG, FitSettings

pytestmark = [
    # Keras 3.15 turns its variables into arrays in the way of NumPy before 2.0.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    pytest.mark.usefixtures("small_mixture"),
]
SETTINGS = FitSettings(
    epochs=3,
    batch_size=50,
    validation_count=50,
    learning_rate=0.01,
    teachers=2,
    teacher_epochs=2,
    label_copies=2,
    epoch_count=100,
    taught_count=150,
)


class Killed(BaseException):
    """The process ends here; nothing handles it."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bool]]]:
    """Moments at which a process is killed, each once and in this order.

    Each is a file with its folder, and whether the file has already got its name.
    """
    moments: list[tuple[str, bool]] = []
    replace = Path.replace

    def replace_or_die(self: Path, target: Path) -> Path:
        name = "/".join(Path(target).parts[-2:])
        if moments[:1] == [(name, False)]:
            moments.pop(0)
            raise Killed
        result = replace(self, target)
        if moments[:1] == [(name, True)]:
            moments.pop(0)
            raise Killed
        return result

    monkeypatch.setattr(Path, "replace", replace_or_die)
    yield moments
    assert not moments


@pytest.mark.training_run
@pytest.mark.usefixtures("eager_tensorflow")
def test_a_run_that_is_killed_at_many_moments_gives_the_network_of_one_that_is_not(
    sample_mnist: Mnist,
    data_dir: Path,
    tmp_path: Path,
    kill_at: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(networks, "TEACHERS", (networks.compact,))  # the smallest
    fit(SETTINGS, sample_mnist, data_dir, tmp_path / "whole")
    kill_at += [
        ("unfinished/mixture.npz", True),
        ("unfinished/teacher-1.npz", True),
        ("killed/teacher-1.keras", False),
        ("killed/teacher-2.keras", True),
        ("unfinished/pool-0.npz", False),
        ("unfinished/model.npz", True),
        ("unfinished/model.npz", False),
        ("killed/model.keras", True),
        ("killed/run.json", False),
    ]
    kills = len(kill_at)
    folder = tmp_path / "killed"
    for _ in range(kills):
        with pytest.raises(Killed):
            fit(SETTINGS, sample_mnist, data_dir, folder)
    fit(SETTINGS, sample_mnist, data_dir, folder)

    files = [{file.name for file in (tmp_path / run).iterdir()} for run in ("whole", "killed")]
    assert files[0] == files[1]
    for name in ("teacher-1.keras", "teacher-2.keras", "model.keras"):
        whole, resumed = load_network(tmp_path / "whole" / name), load_network(folder / name)
        for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    with (folder / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    run = RunRecord.load(folder)
    assert run is not None
    assert run.epochs == 3


def save_something(folder: RunFolder) -> None:
    save_arrays(folder.unfinished / "some.npz", {"array": np.zeros(3)})


def test_a_run_with_a_wrong_option_can_be_called_again_with_the_right_one(
    sample_mnist: Mnist, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(FitSettings(), start_from=str(tmp_path / "missing.keras"))
    with pytest.raises(TrainingError, match=r"missing\.keras does not exist"):
        fit(wrong, sample_mnist, tmp_path, tmp_path / "run")
    with RunFolder(tmp_path / "run", FitSettings(), tmp_path):
        pass


def test_other_settings_are_refused_with_their_names(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FitSettings(), tmp_path) as folder:
        save_something(folder)
    other = dataclasses.replace(FitSettings(), epochs=7, seed=3)
    with pytest.raises(TrainingError, match=r"other settings \(epochs 36, not 7; seed 1, not 3\)"):
        RunFolder(tmp_path, other, tmp_path)


def test_changed_data_sets_are_refused(data_dir: Path, tmp_path: Path) -> None:
    with RunFolder(tmp_path, FitSettings(), data_dir) as folder:
        save_something(folder)
    with pytest.raises(TrainingError, match="the data sets have changed"):
        RunFolder(tmp_path, FitSettings(), tmp_path)


def test_a_finished_run_is_not_replaced(tmp_path: Path) -> None:
    with RunFolder(tmp_path, FitSettings(), tmp_path) as folder:
        folder.finish(epochs=3, validation_accuracy=0.9)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    with pytest.raises(TrainingError, match="holds a finished run"):
        RunFolder(tmp_path, FitSettings(), tmp_path)


def test_two_processes_do_not_train_in_the_same_folder(tmp_path: Path) -> None:
    with (
        RunFolder(tmp_path, FitSettings(), tmp_path),
        pytest.raises(TrainingError, match="another process is training"),
    ):
        RunFolder(tmp_path, FitSettings(), tmp_path)


def test_the_duration_of_a_resumed_run_is_that_of_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("digits_training.run_folder.time.monotonic", lambda: now)
    with RunFolder(tmp_path, FitSettings(), tmp_path) as folder:
        now += 5
        save_something(folder)
        folder.save_time()
        now += 1000  # lost, because nothing was saved after it
    with RunFolder(tmp_path, FitSettings(), tmp_path) as folder:
        now += 2
        folder.finish(epochs=1, validation_accuracy=0.9)
    run = RunRecord.load(tmp_path)
    assert run is not None
    assert run.seconds == 7


def test_options_that_are_not_given_are_those_of_the_run_in_the_folder(
    sample_mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = FitSettings.for_network("compact", "long", seed=5)
    assert long == dataclasses.replace(FitSettings(), seed=5, **LONG)  # type: ignore[arg-type]
    with RunFolder(tmp_path, long, tmp_path) as folder:
        save_something(folder)
    assert stored_settings(tmp_path) == long
    resumed: list[FitSettings] = []
    monkeypatch.setattr(cli, "load_mnist", lambda _: sample_mnist)
    monkeypatch.setattr("digits_training.fit.fit", lambda settings, *_: resumed.append(settings))
    assert cli.main(["fit", "--run", str(tmp_path)]) == 0
    assert cli.main(["fit", "--run", str(tmp_path), "--preset", "long"]) == 0
    assert cli.main(["fit", "--run", str(tmp_path), "--seed", "6"]) == 0
    assert resumed == [long, long, dataclasses.replace(long, seed=6)]


def test_a_run_of_another_version_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunFolder(tmp_path, FitSettings(), tmp_path) as folder:
        save_something(folder)
        record = folder.unfinished / "run.json"
    record.write_text(record.read_text().replace('"epochs": 36', '"passes": 36'))
    assert cli.main(["fit", "--run", str(tmp_path)]) == 1
    assert "another version of digits" in capsys.readouterr().err
