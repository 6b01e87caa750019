"""The command line of ``digits-train`` and its errors, each in one line."""

from pathlib import Path

import pytest

from digits_training import cli
from digits_training.cli import main
from digits_training.datasets import Mnist


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


@pytest.mark.parametrize("command", [["fit"], ["evaluate", "model.h5"], ["export", "model.h5"]])
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
