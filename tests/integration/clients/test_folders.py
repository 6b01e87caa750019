"""A folder by the library: the same for both clients."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

from digits_client import AsyncClient, Client, InvalidImageError, Prediction, UnavailableError

if TYPE_CHECKING:
    from tests.integration.clients.conftest import Face, FakeRecognizer


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with numbered files, some of them deeper."""
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


async def test_every_file_of_a_folder_has_its_answer(client: "Face", scans: Path) -> None:
    (scans / "0" / "empty.png").touch()
    answers = await client.recognize_folder(scans)
    assert [answer.path for answer in answers] == [*map(str, files(scans))]
    for answer in answers:
        if answer.path.endswith("empty.png"):
            assert isinstance(answer.result, InvalidImageError)
        else:
            assert isinstance(answer.result, Prediction)
            assert answer.result.digit == digit_in(answer.path)


async def test_what_is_wanted_of_a_folder_can_be_said(client: "Face", scans: Path) -> None:
    answers = await client.recognize_folder(scans, recursive=False)
    assert [answer.path for answer in answers] == [str(scans / "notes.txt")]
    answers = await client.recognize_folder(scans, include=["*.png"], exclude=["1", "*9.png"])
    assert {Path(answer.path).parent.name for answer in answers} == {"0", "2"}
    assert len(answers) == 180


async def test_an_archive_is_a_folder_too(client: "Face", scans: Path) -> None:
    archive = shutil.make_archive(str(scans), "zip", scans.parent, "scans")
    answers = await client.recognize_folder(archive, include=["*.png"])
    assert sorted(answer.path for answer in answers) == sorted(
        f"{archive}/{path.relative_to(scans.parent)}" for path in files(scans, "*.png")
    )
    assert all(isinstance(answer.result, Prediction) for answer in answers)


async def test_a_server_that_is_away_is_said_to_be(
    client: "Face", server: "FakeRecognizer", scans: Path
) -> None:
    server.fail(grpc.StatusCode.UNAVAILABLE, None)
    with pytest.raises(UnavailableError):
        await client.recognize_folder(scans)


def test_answers_come_before_the_folder_has_been_read_to_its_end(
    server: "FakeRecognizer", scans: Path
) -> None:
    with Client(server.address) as client:
        answers = client.recognize_folder(scans)
        assert next(answers).path == str(scans / "0" / "000.png")
        shutil.rmtree(scans / "2")
        assert [answer.path for answer in answers][-1] == str(scans / "notes.txt")


def test_a_caller_may_have_enough(server: "FakeRecognizer", scans: Path) -> None:
    with Client(server.address) as client:
        for answer in client.recognize_folder(scans):
            assert isinstance(answer.result, Prediction)
            break
        assert client.recognize(b"3").digit == 3


async def test_where_an_event_loop_runs_the_blocking_client_says_so(
    server: "FakeRecognizer", scans: Path
) -> None:
    with Client(server.address) as client, pytest.raises(RuntimeError, match="use AsyncClient"):
        list(client.recognize_folder(scans))
    async with AsyncClient(server.address) as twin:
        assert len([answer async for answer in twin.recognize_folder(scans)]) == 301
