"""The warning about int8 on a processor without instructions for it."""

from pathlib import Path

import pytest

from digits_server.cli import main
from digits_server.ops import processor
from digits_server.ops.processor import warn_without_int8_instructions

WARNING = "--precision int8 is probably slower than float32 here"


def warning(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Return the log for the content of ``/proc/cpuinfo``."""
    (tmp_path / "cpuinfo").write_text(text)
    warn_without_int8_instructions(tmp_path / "cpuinfo")
    return caplog.text


def test_a_processor_without_vnni_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "processor\t: 0\nflags\t\t: fpu avx2 avx512bw\nbugs\t\t:\n"
    assert WARNING in warning(text, tmp_path, caplog)


@pytest.mark.parametrize("flag", ["avx512_vnni", "avx_vnni", "amx_int8"])
def test_a_processor_with_instructions_for_int8_is_not(
    flag: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert warning(f"flags\t\t: fpu {flag} avx2\n", tmp_path, caplog) == ""


def test_nothing_is_logged_where_the_instructions_are_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert warning("Features\t: fp asimd\n", tmp_path, caplog) == ""  # ARM
    warn_without_int8_instructions(tmp_path / "nowhere")  # not Linux
    assert caplog.text == ""


@pytest.mark.parametrize(("precision", "count"), [("int8", 1), ("float32", 0)])
def test_the_command_checks_the_processor_for_int8_only(
    precision: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks: list[None] = []
    monkeypatch.setattr(processor, "warn_without_int8_instructions", lambda: checks.append(None))
    monkeypatch.setattr("digits_server.ops.logs.configure", lambda *_: None)
    monkeypatch.setattr("digits_server.app.run_server", lambda *_, **__: 0)
    assert main(["--precision", precision]) == 0
    assert len(checks) == count
