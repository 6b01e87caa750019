"""Files that are written but never replaced: pipes, sockets, devices and descriptors."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from digits_client.atomic_file import atomic_write
from digits_client.special_file import is_special, open_special
from tests import needs
from tests.pipes import PipeReader, make_pipe

WRITE = (
    "import sys; from pathlib import Path; from digits_client.atomic_file import atomic_write\n"
    "with atomic_write(Path(sys.argv[1])) as file: file.write(b'new')"
)


def test_a_file_and_a_name_that_is_free_are_not_special(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("file", "free", "dangling", "no/folder"):
        assert not is_special(tmp_path / name)


@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_is_written_and_stays(tmp_path: Path, *, through_link: bool) -> None:
    pipe = path = tmp_path / "pipe"
    reader = PipeReader(pipe)
    if through_link:
        path = tmp_path / "link"
        path.symlink_to(pipe)
    names = sorted(tmp_path.iterdir())
    with atomic_write(path) as file:
        file.write(b"new")
        assert sorted(tmp_path.iterdir()) == names
    assert reader.content() == b"new"
    assert pipe.is_fifo()
    assert sorted(tmp_path.iterdir()) == names


def test_a_pipe_whose_reader_has_gone_is_an_error_with_its_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    make_pipe(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    file = open_special(pipe)
    os.close(reading)
    file.write(b"new")
    with pytest.raises(BrokenPipeError) as caught:
        file.flush()
    assert caught.value.filename == str(pipe)
    with pytest.raises(BrokenPipeError):
        file.close()


@needs.unix_sockets
def test_a_socket_is_written_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(bytes(path))
        listening.listen()
        with atomic_write(path) as file:
            file.write(b"new")
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.makefile("rb").read() == b"new"
    with pytest.raises(ConnectionRefusedError) as caught:
        open_special(path)
    assert caught.value.filename == str(path)
    assert path.is_socket()


@needs.terminals
def test_a_device_is_written_and_stays(tmp_path: Path) -> None:
    leader, follower = os.openpty()
    device = tmp_path / "terminal"
    device.symlink_to(os.ttyname(follower))
    with atomic_write(device) as file:
        file.write(b"new")
    assert os.read(leader, 3) == b"new"
    os.close(leader)
    os.close(follower)
    assert device.is_symlink()


def test_a_folder_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), atomic_write(tmp_path):
        pass
    assert not tmp_path.with_name(tmp_path.name + ".part").exists()


@pytest.mark.parametrize(
    "name", ["/dev/fd/{}", pytest.param("/proc/self/fd/{}", marks=needs.proc), "link"]
)
def test_a_descriptor_of_a_file_is_appended_to(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    (tmp_path / "link").symlink_to("/dev/stdout")
    log.write_text("kept ")
    with log.open("ab") as out:
        subprocess.run(
            [sys.executable, "-c", WRITE, str(tmp_path / name.format(1))], stdout=out, check=True
        )
    assert log.read_text() == "kept new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "log"]


def test_a_descriptor_of_a_socket_is_written() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-c", WRITE, "/dev/stdout"]
        subprocess.run(command, stdout=theirs.fileno(), check=True)
        assert ours.recv(10) == b"new"
