"""Resuming an interrupted run."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from digits_client.batch.columns import Columns
from digits_client.batch.errors import UnusableFileError
from digits_client.batch.formats import Format
from digits_client.batch.output import Output
from digits_client.batch.resume import remaining
from digits_client.batch.rows import Row
from tests import needs
from tests.pipes import PipeReader, make_pipe

ROWS = [Row(f"{number}.png", "digit", number % 10, 0.5, "3") for number in range(20)]


@dataclass(frozen=True)
class UnreadItem:
    """An item that has only a path."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        raise NotImplementedError


def remaining_paths(items: Iterable[str], done: Iterable[str]) -> list[str]:
    return [item.path for item in remaining(map(UnreadItem, items), map(Row, done))]


def test_items_without_a_row_remain() -> None:
    assert remaining_paths("abcdef", "abc") == ["d", "e", "f"]
    assert remaining_paths("abc", "") == ["a", "b", "c"]
    assert remaining_paths("abc", "abc") == []


def test_files_may_be_added_or_removed_between_runs() -> None:
    assert remaining_paths("aXbcdY", "abc") == ["X", "d", "Y"]
    assert remaining_paths("bcd", "abc") == ["d"]
    assert remaining_paths("d", "abc") == ["d"]
    assert remaining_paths("", "abc") == []


def test_a_path_that_occurs_twice_needs_two_rows() -> None:
    assert remaining_paths("aab", "a") == ["a", "b"]
    assert remaining_paths("Xaaab", "aa") == ["X", "a", "b"]


def test_a_path_that_csv_shows_in_another_form_is_recognized() -> None:
    assert remaining_paths(["=1.png", "b", "-2.png"], ["./=1.png", "b"]) == ["-2.png"]
    assert remaining_paths(["X", "=1.png", "b"], ["./=1.png", "b"]) == ["X"]
    assert remaining_paths(["X", "./=1.png"], ["=1.png"]) == ["X"]


def test_items_are_listed_lazily() -> None:
    def endless() -> Iterator[str]:
        number = 0
        while True:
            yield str(number)
            number += 1

    items = remaining(map(UnreadItem, endless()), map(Row, "01"))
    assert [next(items).path for _ in range(3)] == ["2", "3", "4"]


def write_partly(path: Path, row_format: Format, rows: list[Row], *, resumes: bool = False) -> Path:
    """Write rows as an interrupted run, and return the partial file."""
    with Output(row_format, Columns(), path) as output:
        output.open(resumes=resumes)
        output.write(rows)
        output.finish(is_complete=False)
        assert output.part is not None
        return output.part


def complete(path: Path, row_format: Format, rows: list[Row], *, resumes: bool = True) -> list[Row]:
    """Add rows and complete the file; return the rows that it already had."""
    with Output(row_format, Columns(), path) as output:
        output.open(resumes=resumes)
        done = list(output.existing_rows())
        output.write(rows)
        output.finish(is_complete=True)
    return done


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_a_file_cut_off_anywhere_is_completed_without_a_trace(
    row_format: Format, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    complete(whole, row_format, ROWS[:3], resumes=False)
    content = whole.read_bytes()
    for length in range(len(content) + 1):
        path = tmp_path / "rows"
        path.with_name("rows.part").write_bytes(content[:length])
        with Output(row_format, Columns(), path) as output:
            output.open(resumes=True)
            output.write(ROWS[len(list(output.existing_rows())) : 3])
            output.finish(is_complete=True)
        assert path.read_bytes() == content
        path.unlink()


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_new_rows_are_added_to_a_complete_file(row_format: Format, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    complete(path, row_format, ROWS[:3], resumes=False)
    assert complete(path, row_format, ROWS[3:]) == ROWS[:3]
    assert [file.name for file in tmp_path.iterdir()] == ["rows"]
    complete(tmp_path / "whole", row_format, ROWS, resumes=False)
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()


def test_parquet_can_be_resumed_and_has_every_row_once(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    rows = [*ROWS, Row("latin-\udce4.png", error="no")]
    part = write_partly(path, "parquet", rows[:7])
    with part.open("ab") as file:
        file.write(b'{"path": "cut off')
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
        "reason": None,
        "unread_pages": None,
        "not_a_digit": None,
    }
    assert [file.name for file in tmp_path.iterdir()] == ["rows.parquet"]


@pytest.mark.parametrize("row_format", get_args(Format))
def test_rows_of_an_interrupted_run_are_not_overwritten(row_format: Format, tmp_path: Path) -> None:
    part = write_partly(tmp_path / "rows", row_format, ROWS)
    content = part.read_bytes()
    with pytest.raises(UnusableFileError, match="continue it with --resume, or remove the file"):
        write_partly(tmp_path / "rows", row_format, ROWS)
    assert part.read_bytes() == content


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_a_file_with_other_columns_is_not_resumed(row_format: Format, tmp_path: Path) -> None:
    part = write_partly(tmp_path / "rows", row_format, ROWS)
    content = part.read_bytes()
    with (
        pytest.raises(UnusableFileError, match="has other columns"),
        Output(row_format, Columns(top_count=1), tmp_path / "rows") as output,
    ):
        output.open(resumes=True)
    assert part.read_bytes() == content


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_a_file_with_other_content_is_not_resumed(row_format: Format, tmp_path: Path) -> None:
    part = tmp_path / "rows.part"
    part.write_bytes(b"nonsense\n\x00\n")
    with pytest.raises(UnusableFileError, match=r"rows\.part "):
        write_partly(tmp_path / "rows", row_format, ROWS, resumes=True)
    assert part.read_bytes() == b"nonsense\n\x00\n"


@pytest.mark.parametrize(
    "digits", ["[", "7", "[7]", "[{}]", '[{"box": 7}]', '[{"box": [1, 2, 3]}]', '[{"box": "1234"}]']
)
def test_numbers_whose_places_are_not_valid_are_not_resumed(digits: str, tmp_path: Path) -> None:
    part = tmp_path / "rows.part"
    columns = Columns(are_of_numbers=True)
    values = {"path": "a.png", "number": "7", "digits": digits}
    with part.open("w", newline="") as file:
        table = csv.DictWriter(file, columns.names, lineterminator="\n")
        table.writeheader()
        table.writerow(values)
    with (
        pytest.raises(UnusableFileError, match=r"rows\.part does not hold csv rows"),
        Output("csv", columns, tmp_path / "rows") as output,
    ):
        output.open(resumes=True)


PATHS = ["latin-\udce4.png", "a\\xe4.png", "=1.png", "-.png", "a;\t.png", "\r.png", "七.png"]


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_a_row_of_any_path_is_recognized_by_resume(row_format: Format, tmp_path: Path) -> None:
    rows = [Row(path, "digit", 1, 0.5, "3") for path in PATHS]
    write_partly(tmp_path / "rows", row_format, rows)
    done = complete(tmp_path / "rows", row_format, [])
    assert remaining_paths(PATHS, (row.path for row in done)) == []
    assert remaining_paths(["X", *PATHS], (row.path for row in done)) == ["X"]


@needs.locks
@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_two_runs_do_not_write_the_same_output(
    row_format: Format, tmp_path: Path, *, resumes: bool
) -> None:
    path = tmp_path / "rows"
    for earlier in (ROWS[:3], ROWS[3:5]):  # a new file, and one that was complete
        with Output(row_format, Columns(), path) as first:
            first.open(resumes=True)
            for _ in range(2):
                with (
                    pytest.raises(BlockingIOError, match="another process is writing to it"),
                    Output(row_format, Columns(), path) as second,
                ):
                    second.open(resumes=resumes)
            first.write(earlier)
            first.finish(is_complete=True)
    assert [file.name for file in tmp_path.iterdir()] == ["rows"]
    assert complete(path, row_format, []) == ROWS[:5]


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_a_link_to_the_output_stays_and_can_be_resumed(row_format: Format, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    link = tmp_path / "link"
    link.symlink_to("results/rows")
    part = write_partly(link, row_format, ROWS[:3])
    assert part == tmp_path / "results" / "rows.part"
    assert complete(link, row_format, ROWS[3:5]) == ROWS[:3]
    assert complete(link, row_format, ROWS[5:]) == ROWS[:5]
    assert complete(link, row_format, []) == ROWS
    assert str(link.readlink()) == "results/rows"
    assert [file.name for file in (tmp_path / "results").iterdir()] == ["rows"]


@pytest.mark.parametrize("row_format", ["csv", "jsonl", "parquet"])
def test_a_pipe_cannot_be_resumed(row_format: Format, tmp_path: Path) -> None:
    make_pipe(tmp_path / "rows")
    with (
        pytest.raises(UnusableFileError, match=r"--resume: .*rows is not a regular file"),
        Output(row_format, Columns(), tmp_path / "rows") as output,
    ):
        output.open(resumes=True)
    assert [file.name for file in tmp_path.iterdir()] == ["rows"]


def test_parquet_has_the_places_of_a_number_as_a_list(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    places = [
        {"digit": 7, "confidence": 0.5, "box": [10, 20, 30, 40]},
        {"digit": None, "confidence": 0.25, "box": [50, 20, 30, 40]},
    ]
    path = tmp_path / "rows.parquet"
    with Output("parquet", Columns(are_of_numbers=True), path) as output:
        output.open(resumes=False)
        output.write(
            [
                Row("a.png", "digit", number="7?", digits=json.dumps(places)),
                Row("b.png", error="is an empty file"),
            ]
        )
        output.finish(is_complete=True)
    found = parquet.read_table(path, columns=["number", "digits"]).to_pylist()
    assert found == [{"number": "7?", "digits": places}, {"number": None, "digits": None}]


def test_parquet_is_written_to_a_pipe_when_it_is_complete(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pipe = tmp_path / "rows.parquet"
    reader = PipeReader(pipe)
    assert complete(pipe, "parquet", ROWS, resumes=False) == []
    found = parquet.read_table(io.BytesIO(reader.content())).to_pylist()
    assert [row["path"] for row in found] == [row.path for row in ROWS]
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_run_that_fails_before_its_first_row_leaves_no_file(tmp_path: Path) -> None:
    write_partly(tmp_path / "rows", "csv", [])
    assert list(tmp_path.iterdir()) == []


def test_resuming_without_an_earlier_run_starts_one(tmp_path: Path) -> None:
    assert complete(tmp_path / "rows", "csv", ROWS) == []


@pytest.mark.parametrize(
    ("row_format", "content"),
    [
        ("csv", b"path,verdict,digit,confidence,model_version,error\na.png,digit,7,0.9,3,\n"),
        (
            "jsonl",
            b'{"path": "a.png", "verdict": "digit", "digit": 7, "confidence": 0.9, '
            b'"model_version": "3", "error": null}\n',
        ),
    ],
)
def test_the_rows_of_an_older_version_are_rejected_and_kept(
    row_format: Format, content: bytes, tmp_path: Path
) -> None:
    part = tmp_path / "rows.part"
    part.write_bytes(content)
    with (
        Output(row_format, Columns(), tmp_path / "rows") as output,
        pytest.raises(UnusableFileError, match=r"has other columns: .* the same version"),
    ):
        output.open(resumes=True)
    assert part.read_bytes() == content
