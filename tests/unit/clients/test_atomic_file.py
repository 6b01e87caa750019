"""Files that get their name only once they are complete."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digits_client import atomic_file
from digits_client.atomic_file import AtomicFile, atomic_write, open_part, part_path
from tests import needs
from tests.pipes import make_pipe


def fail_halfway(path: Path, error: type[BaseException]) -> None:
    with atomic_write(path) as file:
        file.write(b"half")
        raise error


def test_a_file_has_its_name_only_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with atomic_write(path) as file:
        file.write(b"new")
        assert part_path(path) == tmp_path / "report.html.part"
        assert [*tmp_path.iterdir()] == [part_path(path)]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_earlier_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_removes_the_unfinished_file_and_keeps_the_earlier_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(error):
        fail_halfway(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_before_anything_is_written_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no rows"), atomic_write(tmp_path / "a.parquet"):
        raise ValueError("no rows")
    assert not list(tmp_path.iterdir())


def test_the_unfinished_file_can_have_another_name(tmp_path: Path) -> None:
    path, hidden = tmp_path / "a.png", tmp_path / ".f00d"
    with atomic_write(path, part=hidden) as file:
        assert list(tmp_path.iterdir()) == [hidden]
        file.write(b"image")
    assert path.read_bytes() == b"image"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_has_left_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a"
    part_path(path).write_text("longer than the new content")
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("exists", [True, False])
def test_the_target_of_a_link_is_replaced_and_the_link_stays(
    tmp_path: Path, *, exists: bool
) -> None:
    (tmp_path / "results").mkdir()
    target, link, second = tmp_path / "results" / "rows", tmp_path / "link", tmp_path / "second"
    link.symlink_to("results/rows")
    second.symlink_to(link)
    if exists:
        target.write_text("old")
    with atomic_write(second) as file:
        file.write(b"new")
        assert part_path(second) == tmp_path / "results" / "rows.part"
    assert target.read_text() == "new"
    assert not target.is_symlink()
    assert second.readlink() == link
    assert str(link.readlink()) == "results/rows"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "link",
        "results",
        "rows",
        "second",
    ]


def test_links_that_form_a_loop_are_an_error_and_stay(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        AtomicFile(loop)
    assert loop.is_symlink()


@needs.locks
def test_a_file_is_not_written_by_two_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with atomic_write(path) as file:
        file.write(b"first")
        with pytest.raises(BlockingIOError, match="another process is writing to it") as caught:
            AtomicFile(path)
        assert caught.value.filename == str(part_path(path))
    assert path.read_bytes() == b"first"
    with atomic_write(path) as file:
        file.write(b"second")
    assert path.read_bytes() == b"second"


@needs.locks
def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    part = tmp_path / "rows.part"
    holder = (
        "import os, sys; from pathlib import Path; from digits_client.atomic_file import open_part;"
        "file = open_part(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(part)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError):
            open_part(part)
        process.kill()
    open_part(part).close()


@needs.locks
def test_a_file_that_was_completed_before_it_was_locked_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    part, path = tmp_path / "rows.part", tmp_path / "rows"
    part.write_text("of another run")
    real = fcntl.flock

    def complete_first(descriptor: int, operation: int) -> None:
        if not path.exists():
            part.rename(path)  # what the other run does between opening and locking
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", complete_first)
    with open_part(part) as file:
        file.write(b"mine")
    assert (path.read_text(), part.read_text()) == ("of another run", "mine")


@needs.open_flags
def test_an_unfinished_file_that_is_not_a_file_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / "a.part"
    part.symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        open_part(part)
    assert not (tmp_path / "victim").exists()
    part.unlink()
    make_pipe(part)
    with pytest.raises(OSError, match=r"a\.part"):
        open_part(part)  # without waiting for a reader
    reader = os.open(part, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="not a regular file"):
        open_part(part)
    os.close(reader)
    assert part.is_fifo()


FULL_DISK_BYTES = 1024


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Limit the size of files, so that writing fails as on a full disk, also that of the tests."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_DISK_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@needs.resource_limits
@pytest.mark.parametrize("factor", [1, 100])  # less than a buffer, and more
def test_a_full_disk_is_reported_with_the_name_of_the_file(tmp_path: Path, factor: int) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with (
        full_disk(),
        pytest.raises(OSError, match="File too large") as caught,
        atomic_write(path) as file,
    ):
        file.write(bytes(FULL_DISK_BYTES + 1) * factor)
    assert caught.value.filename == str(part_path(path))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fails", [False, True])
def test_without_locks_a_file_is_closed_before_it_is_renamed_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    # Windows has no fcntl, and neither renames nor removes an open file.
    monkeypatch.setattr(atomic_file, "fcntl", None)
    atomic = AtomicFile(tmp_path / "rows")
    were_closed: list[bool] = []

    def record(method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: Any, **options: Any) -> object:
            were_closed.append(atomic.file.closed)
            return method(*arguments, **options)

        return call

    monkeypatch.setattr(Path, "replace", record(Path.replace))
    monkeypatch.setattr(Path, "unlink", record(Path.unlink))
    atomic.file.write(b"new")
    if not fails:
        atomic.commit()
    atomic.discard()
    assert were_closed == [True]
    assert [path.name for path in tmp_path.iterdir()] == ([] if fails else ["rows"])
