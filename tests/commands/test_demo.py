"""The demo's entry, which needs only Python and installs the rest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import demo


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would be run, all successful."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_it_starts_without_any_package() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({demo.__file__!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_environment_is_made_and_filled_once(tmp_path: Path, commands: list[list[str]]) -> None:
    venv = tmp_path / "environment"
    venv.mkdir()
    python = demo.ensure_installed(venv)
    assert commands[0][:3] == [sys.executable, "-m", "venv"]
    assert [command[0] for command in commands[1:]] == [str(python)] * 2
    python.parent.mkdir()
    python.touch()
    commands.clear()
    assert demo.ensure_installed(venv) == python
    assert commands == []


def test_a_newer_lock_updates_the_environment(tmp_path: Path, commands: list[list[str]]) -> None:
    demo.venv_python(tmp_path).parent.mkdir()
    demo.venv_python(tmp_path).touch()
    (tmp_path / ".server").touch()
    os.utime(tmp_path / ".server", (0, 0))
    demo.ensure_installed(tmp_path)
    assert len(commands) == 2


def test_windows_keeps_python_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert demo.venv_python(Path("v")) == Path("v/Scripts/python.exe")


def test_another_python_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    with pytest.raises(SystemExit, match=r"^Python 3\.11 to 3\.14 is required; this is 3\.10$"):
        demo.main()


def test_a_failed_step_ends_the_demo_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1)
    )
    with pytest.raises(SystemExit, match="python3-venv"):
        demo.ensure_installed(tmp_path / "environment")
