"""The standard output of commands."""

import contextlib
import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digits.standard_streams import allow_any_text
from digits_client.batch.command import run_command


@contextlib.contextmanager
def signals_restored() -> Iterator[None]:
    """Restore the handlers that a command leaves, because its process would end."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def test_characters_that_the_encoding_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp1252"))
    allow_any_text()
    sys.stdout.write("caf\u00e9 \u0141 \udcff\n")
    sys.stdout.flush()
    assert written.getvalue() == b"caf\xe9 \\u0141 \\udcff\n"


def test_a_closed_standard_output_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    allow_any_text()


def test_rows_on_a_windows_console_end_as_in_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "\u0141.png").touch()
    written = io.BytesIO()
    # Windows writes this for a line feed unless it is told otherwise.
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "cp1252", newline="\r\n"))
    with signals_restored():
        assert run_command([str(tmp_path), "--dry-run"]) == 0
    assert written.getvalue() == f"{tmp_path}/\u0141.png\n".encode()
