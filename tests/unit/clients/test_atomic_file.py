"""Files that get their name only once they are complete."""

from pathlib import Path

import pytest

from digits_client.atomic_file import atomic_write, part_path


def fail_halfway(path: Path, error: type[BaseException]) -> None:
    with atomic_write(path) as part:
        part.write_text("half")
        raise error


def test_a_file_has_its_name_only_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with atomic_write(path) as part:
        part.write_text("new")
        assert part == part_path(path) == tmp_path / "report.html.part"
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_earlier_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    with atomic_write(path) as part:
        part.write_text("new")
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
    with atomic_write(path, part=hidden) as part:
        assert part == hidden
        part.write_bytes(b"image")
    assert path.read_bytes() == b"image"
    assert list(tmp_path.iterdir()) == [path]
