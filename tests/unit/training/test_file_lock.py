"""The lock of a run's folder, on systems with and without POSIX locks."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from digits_training import file_lock


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """A system with msvcrt instead of fcntl, where the second lock is refused."""
    calls: list[tuple[int, int]] = []

    def locking(_: int, mode: int, count: int) -> None:
        calls.append((mode, count))
        if len(calls) > 1:
            raise PermissionError(13, "Permission denied")

    msvcrt = ModuleType("msvcrt")
    vars(msvcrt).update(LK_NBLCK=2, locking=locking)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "fcntl", None)
        patch.setitem(sys.modules, "msvcrt", msvcrt)
        importlib.reload(file_lock)
        yield calls
    importlib.reload(file_lock)


def test_a_file_is_locked_once(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open("w") as other:
        assert file_lock.try_lock(one)
        assert not file_lock.try_lock(other)


def test_a_file_is_locked_once_without_fcntl(
    windows: list[tuple[int, int]], tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open("w") as other:
        assert file_lock.try_lock(one)
        assert not file_lock.try_lock(other)
    assert windows == [(2, 1), (2, 1)]
