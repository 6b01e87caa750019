"""Files with credentials: which are read, and how a changed or hanging one is handled."""

import os
import threading
from pathlib import Path

import psutil
import pytest

from digits import credential_files
from digits.credential_files import (
    MAX_FILE_BYTES,
    CredentialsError,
    ReloadedFiles,
    load_in_thread,
    read_file,
)
from tests.pipes import make_pipe


def test_a_file_is_read_through_links(tmp_path: Path) -> None:
    # As Kubernetes mounts a secret.
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "tokens").write_bytes(b"content")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    assert read_file(tmp_path / "tokens") == b"content"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    make_pipe(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    open_before = psutil.Process().num_fds()
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "link") * 20:
        with pytest.raises(CredentialsError, match=f"{path} is not a regular file"):
            read_file(path)
    assert psutil.Process().num_fds() < open_before + 20  # they are closed
    with pytest.raises(CredentialsError, match="none cannot be read: No such file"):
        read_file(tmp_path / "none")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(read_file(path)) == MAX_FILE_BYTES
    os.truncate(path, 2**40)  # a sparse file, larger than the memory
    with pytest.raises(CredentialsError, match=f"{path} is larger than"):
        read_file(path)


async def test_a_file_that_hangs_at_the_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_files, "START_SECONDS", 0.1)
    released = threading.Event()
    with pytest.raises(CredentialsError, match="tokens could not be read within"):
        await load_in_thread(released.wait, "tokens")
    released.set()


async def test_the_error_of_a_file_at_the_start_reaches_the_caller() -> None:
    def fail() -> None:
        raise CredentialsError("it is empty")

    with pytest.raises(CredentialsError, match="it is empty"):
        await load_in_thread(fail, "tokens")


def test_each_reason_is_logged_once_and_again_after_a_success(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes: list[Exception | None] = [None, *[CredentialsError("a")] * 2, CredentialsError("b")]
    outcomes += [None, CredentialsError("b"), ValueError("c"), None]

    def load(current: int | None) -> int:
        error = outcomes.pop(0)
        if error is not None:
            raise error
        return (current or 0) + 1

    files = ReloadedFiles("token file", load)
    while outcomes:
        files.reload()
    assert files.value == 3
    assert [record.message for record in caplog.records] == [
        "the previous token file stays in use: a",
        "the previous token file stays in use: b",
        "the previous token file stays in use: b",
        "the token file cannot be loaded",
    ]
