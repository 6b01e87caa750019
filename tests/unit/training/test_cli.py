"""The command line of ``digits-train``: what is wrong is said in one line."""

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
def test_a_wrong_value_of_fit_is_wrong_usage_that_names_the_flag(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["fit", flag, value])
    assert raised.value.code == 2
    assert f"argument {flag}: " in capsys.readouterr().err


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main([])
    assert raised.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["fit"], ["evaluate", "model.h5"], ["export", "model.h5"]])
def test_data_that_is_not_there_is_one_line_and_status_1(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"digits-train: {tmp_path} has no mnist.npz\n"


def test_a_folder_that_cannot_be_made_is_one_line_and_status_1(
    drawings: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "load_mnist", lambda _: drawings)
    (tmp_path / "run").write_text("a file is in the way")
    assert main(["fit", "--run", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("digits-train: ")
    assert str(tmp_path / "run") in said[0]
