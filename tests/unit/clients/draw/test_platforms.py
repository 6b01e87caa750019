"""What differs between systems in the window."""

import os
import subprocess
import sys

import pytest

from digits_client.draw import cli


@pytest.mark.parametrize(
    ("platform", "hint"),
    [
        ("linux", "run apt-get install python3-tk (Debian, Ubuntu)"),
        ("darwin", "run brew install python-tk"),
        ("win32", "run the installer of Python again, and select tcl/tk"),
    ],
)
def test_without_tk_the_command_says_how_to_install_it(
    platform: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "tkinter", None)
    assert cli.main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"digits-draw: this Python has no Tk: {hint}")
    assert error.count("\n") == 1


def test_a_picture_that_is_not_there_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["nowhere.png"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "argument PICTURE: nowhere.png is not a file" in error


def test_a_windows_without_dpi_awareness_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tkinter", reason="this Python has no Tk")
    from digits_client.draw.theme import enable_dpi_awareness

    monkeypatch.setattr(sys, "platform", "win32")
    enable_dpi_awareness()


def test_the_help_is_printed_whatever_the_name_of_the_data_folder() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "digits_client.draw.cli", "--help"],
        env=os.environ
        | {"XDG_DATA_HOME": "/home/\u0141ukasz", "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"ukasz" in done.stdout
