"""The memory of a process, on systems that tell less about it."""

import ctypes
from pathlib import Path
from types import SimpleNamespace

import pytest

from digits_server.ops import process_memory
from tests import needs


@needs.proc_statm
def test_memory_is_known_where_the_system_tells_it() -> None:
    assert process_memory.resident_bytes() > 2**20


def test_a_system_without_statistics_reports_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "_STATISTICS", Path("/nowhere"))
    assert process_memory.resident_bytes() == 0


def test_a_system_without_a_library_of_c_keeps_what_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process_memory.return_free_memory()

    def no_library(_: None) -> None:
        raise TypeError("expected a name")  # as on Windows

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    process_memory.return_free_memory()


def test_a_library_of_c_without_malloc_trim_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())  # as on macOS
    process_memory.return_free_memory()
