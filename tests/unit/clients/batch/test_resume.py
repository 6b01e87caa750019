"""Going on where an interrupted run ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from digits_client.batch.columns import Columns
from digits_client.batch.errors import UnusableFileError
from digits_client.batch.formats import Format
from digits_client.batch.output import Output
from digits_client.batch.resume import left
from digits_client.batch.rows import Row

ROWS = [Row(f"{number}.png", "digit", number % 10, 0.5, "3") for number in range(20)]


@dataclass(frozen=True)
class Named:
    """An item that nobody reads."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        raise NotImplementedError


def left_of(items: Iterable[str], done: Iterable[str]) -> list[str]:
    return [item.path for item in left(map(Named, items), map(Row, done))]


def test_what_has_no_row_is_left() -> None:
    assert left_of("abcdef", "abc") == ["d", "e", "f"]
    assert left_of("abc", "") == ["a", "b", "c"]
    assert left_of("abc", "abc") == []


def test_files_that_came_or_went_since_do_no_harm() -> None:
    assert left_of("aXbcdY", "abc") == ["X", "d", "Y"]
    assert left_of("bcd", "abc") == ["d"]
    assert left_of("d", "abc") == ["d"]
    assert left_of("", "abc") == []


def test_a_path_that_is_named_twice_has_two_rows() -> None:
    assert left_of("aab", "a") == ["a", "b"]
    assert left_of("Xaaab", "aa") == ["X", "a", "b"]


def test_items_are_asked_for_one_at_a_time() -> None:
    def endless() -> Iterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1

    items = left(map(Named, endless()), map(Row, "01"))
    assert [next(items).path for _ in range(3)] == ["2", "3", "4"]


def write(path: Path, form: Format, rows: list[Row], *, resumes: bool = False) -> Path:
    """Write rows and leave off."""
    with Output(form, Columns(), path) as output:
        output.begin(resumes=resumes)
        output.write(rows)
        output.finish(is_complete=False)
        return output.part


def complete(path: Path, form: Format, rows: list[Row], *, resumes: bool = True) -> list[Row]:
    """Go on with rows and come to the end; return those that were there."""
    with Output(form, Columns(), path) as output:
        output.begin(resumes=resumes)
        done = list(output.done())
        output.write(rows)
        output.finish(is_complete=True)
    return done


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_torn_anywhere_is_continued_as_if_nothing_had_been(
    form: Format, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    complete(whole, form, ROWS[:3], resumes=False)
    content = whole.read_bytes()
    for length in range(len(content) + 1):
        path = tmp_path / "answers"
        path.with_name("answers.part").write_bytes(content[:length])
        with Output(form, Columns(), path) as output:
            output.begin(resumes=True)
            output.write(ROWS[len(list(output.done())) : 3])
            output.finish(is_complete=True)
        assert path.read_bytes() == content
        path.unlink()


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_complete_file_gets_what_is_new(form: Format, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    complete(path, form, ROWS[:3], resumes=False)
    assert complete(path, form, ROWS[3:]) == ROWS[:3]
    assert [file.name for file in tmp_path.iterdir()] == ["answers"]
    complete(tmp_path / "whole", form, ROWS, resumes=False)
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_parquet_is_continued_too_and_holds_every_row_once(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "answers.parquet"
    rows = [*ROWS, Row("latin-\udce4.png", error="no")]
    part = write(path, "parquet", rows[:7])
    with part.open("ab") as file:
        file.write(b'{"path": "torn')
    assert not path.exists()
    assert complete(path, "parquet", rows[7:]) == rows[:7]
    found = parquet.read_table(path).to_pylist()
    assert [row["path"] for row in found] == [*(row.path for row in ROWS), "latin-\\xe4.png"]
    assert found[3] == {
        "path": "3.png",
        "verdict": "digit",
        "digit": 3,
        "confidence": 0.5,
        "model_version": "3",
        "error": None,
    }
    assert [file.name for file in tmp_path.iterdir()] == ["answers.parquet"]


@pytest.mark.parametrize("form", get_args(Format))
def test_rows_of_an_interrupted_run_are_not_written_over(form: Format, tmp_path: Path) -> None:
    part = write(tmp_path / "answers", form, ROWS)
    content = part.read_bytes()
    with pytest.raises(UnusableFileError, match="go on with --resume, or remove it"):
        write(tmp_path / "answers", form, ROWS)
    assert part.read_bytes() == content


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_rows_with_other_columns_are_not_continued(form: Format, tmp_path: Path) -> None:
    part = write(tmp_path / "answers", form, ROWS)
    content = part.read_bytes()
    with (
        pytest.raises(UnusableFileError, match="has other columns"),
        Output(form, Columns(top_count=1), tmp_path / "answers") as output,
    ):
        output.begin(resumes=True)
    assert part.read_bytes() == content


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_of_something_else_is_not_continued(form: Format, tmp_path: Path) -> None:
    part = tmp_path / "answers.part"
    part.write_bytes(b"nonsense\n\x00\n")
    with pytest.raises(UnusableFileError, match=r"answers\.part "):
        write(tmp_path / "answers", form, ROWS, resumes=True)
    assert part.read_bytes() == b"nonsense\n\x00\n"


def test_a_run_that_failed_before_its_first_row_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "answers", "csv", [])
    assert list(tmp_path.iterdir()) == []


def test_going_on_with_nothing_begins(tmp_path: Path) -> None:
    assert complete(tmp_path / "answers", "csv", ROWS) == []
