"""``recognize_folder`` of both clients."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from digits_client import AsyncClient, Client, InvalidImageError, Prediction, UnavailableError

if TYPE_CHECKING:
    from tests.integration.clients.conftest import AnyClient, FakeRecognizer


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with numbered files in subfolders, and a text file."""
    scans = tmp_path / "scans"
    for number in range(300):
        file = scans / f"{number % 3}" / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(str(number))
    (scans / "notes.txt").write_text("0")
    return scans


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def digit_in(path: str) -> int:
    return int(Path(path).read_text()) % 10


async def test_every_file_of_a_folder_has_a_result(client: "AnyClient", scans: Path) -> None:
    (scans / "0" / "empty.png").touch()
    results = await client.recognize_folder(scans)
    assert [file.path for file in results] == [*map(str, files(scans))]
    for file in results:
        if file.path.endswith("empty.png"):
            assert isinstance(file.result, InvalidImageError)
        else:
            assert isinstance(file.result, Prediction)
            assert file.result.digit == digit_in(file.path)


async def test_recursion_and_patterns_select_the_files(client: "AnyClient", scans: Path) -> None:
    results = await client.recognize_folder(scans, recursive=False)
    assert [file.path for file in results] == [str(scans / "notes.txt")]
    results = await client.recognize_folder(scans, include=["*.png"], exclude=["1", "*9.png"])
    assert {Path(file.path).parent.name for file in results} == {"0", "2"}
    assert len(results) == 180


async def test_an_archive_can_be_given_in_place_of_a_folder(
    client: "AnyClient", scans: Path
) -> None:
    archive = shutil.make_archive(str(scans), "zip", scans.parent, "scans")
    results = await client.recognize_folder(archive, include=["*.png"])
    assert sorted(file.path for file in results) == sorted(
        f"{archive}/{path.relative_to(scans.parent)}" for path in files(scans, "*.png")
    )
    assert all(isinstance(file.result, Prediction) for file in results)


async def test_an_unavailable_server_is_an_error(
    client: "AnyClient", server: "FakeRecognizer", scans: Path
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, None)
    with pytest.raises(UnavailableError):
        await client.recognize_folder(scans)


def test_results_come_before_the_whole_folder_is_read(
    server: "FakeRecognizer", scans: Path
) -> None:
    with Client(server.address) as client:
        results = client.recognize_folder(scans)
        assert next(results).path == str(scans / "0" / "000.png")
        shutil.rmtree(scans / "2")
        assert [file.path for file in results][-1] == str(scans / "notes.txt")


def test_a_caller_may_stop_before_the_last_result(server: "FakeRecognizer", scans: Path) -> None:
    with Client(server.address) as client:
        for file in client.recognize_folder(scans):
            assert isinstance(file.result, Prediction)
            break
        assert client.recognize(b"3").digit == 3


async def test_the_blocking_client_raises_in_a_running_event_loop(
    server: "FakeRecognizer", scans: Path
) -> None:
    with Client(server.address) as client, pytest.raises(RuntimeError, match="use AsyncClient"):
        list(client.recognize_folder(scans))
    async with AsyncClient(server.address) as async_client:
        assert len([file async for file in async_client.recognize_folder(scans)]) == 301
