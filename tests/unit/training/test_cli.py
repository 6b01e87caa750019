"""The command line of ``digits-train`` and its errors, each in one line."""

import sys
from pathlib import Path

import pytest

from digits_training import cli
from digits_training.cli import main
from digits_training.datasets import Mnist
from digits_training.tensorflow_import import LOG_LEVEL_VARIABLE


@pytest.fixture(autouse=True)
def same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command does not set a log level that the processes of other tests would inherit."""
    monkeypatch.setenv(LOG_LEVEL_VARIABLE, "2")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "many"),
        ("--batch-size", "-1"),
        ("--learning-rate", "0"),
        ("--learning-rate", "nan"),
        ("--learning-rate", "fast"),
        ("--validation-count", "-5"),
        ("--validation-count", "60000"),
        ("--patience", "0"),
        ("--seed", "-1"),
        ("--network", "huge"),
    ],
)
def test_an_invalid_value_of_a_fit_option_is_a_usage_error_that_names_the_option(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["fit", flag, value])
    assert raised.value.code == 2
    assert f"argument {flag}: " in capsys.readouterr().err


def test_a_missing_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([])
    assert raised.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "nothere.h5"],
        ["export", "nothere.h5"],
        ["calibrate", "nothere.h5"],
        ["fit", "--start-from", "nothere.h5"],
        ["fit", "--drawings", "nothere.h5"],
        ["fit", "--data-dir", "nothere.h5"],
    ],
)
def test_a_path_that_does_not_exist_is_a_usage_error_before_anything_is_loaded(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert main(command) == 2
    assert capsys.readouterr().err == "digits-train: nothere.h5 does not exist\n"


def test_a_file_that_is_not_a_network_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.h5"
    file.write_text("layers: 3")
    assert main(["export", str(file)]) == 2
    assert capsys.readouterr().err == f"digits-train: {file} is neither a .keras nor an .h5 file\n"


def test_a_folder_without_a_network_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"digits-train: {tmp_path} is not the folder of a finished run: it has no model.keras\n"
    )


def test_a_missing_tensorflow_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert main(["export", "shipped"]) == 2
    assert capsys.readouterr().err == (
        "digits-train: tensorflow is not installed: pip install 'digits[train]'\n"
    )


@pytest.mark.parametrize("command", [["fit"], ["evaluate", "shipped"], ["export", "shipped"]])
def test_missing_data_is_reported_in_one_line_with_status_1(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"digits-train: {tmp_path} has no mnist.npz\n"


def test_a_folder_that_cannot_be_created_is_reported_in_one_line_with_status_1(
    sample_mnist: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "load_mnist", lambda _: sample_mnist)
    (tmp_path / "run").write_text("a file is in the way")
    assert main(["fit", "--run", str(tmp_path / "run")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("digits-train: ")
    assert str(tmp_path / "run") in lines[0]
