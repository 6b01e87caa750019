"""The standard output of commands."""

import io
import sys

import pytest

from digits_client.cli.console import allow_any_text


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
