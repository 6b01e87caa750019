"""The formats in which answers are written."""

import csv
import io
import json
import os
from pathlib import Path
from typing import get_args

import pytest

from digits_client import InvalidImageError, Prediction, Verdict
from digits_client.batch.rows import COLUMNS, Format, Row, writer

SEVEN = Prediction(Verdict.DIGIT, 7, 0.987654, (), "3")
ZERO = Prediction(Verdict.DIGIT, 0, 1.0, (), "3")
BLANK = Prediction(Verdict.BLANK, None, 0.0, (), "3")
BROKEN = InvalidImageError('is "broken", badly')

AWKWARD = ["a,b.png", 'a"b.png', "a\nb.png", "ä 七.png", os.fsdecode(b"latin-\xe4.png"), "a\tb.png"]


def written(form: Format, *rows: Row) -> str:
    out = io.StringIO(newline="")
    row_writer = writer(form, out)
    for row in rows:
        row_writer.write(row)
    row_writer.finish()
    return out.getvalue()


def test_the_columns_are_the_ones_that_others_rely_on() -> None:
    assert COLUMNS == ("path", "verdict", "digit", "confidence", "model_version", "error")


def test_csv_has_a_header_and_a_row_for_each_image() -> None:
    rows = (Row("7.png", SEVEN), Row("0.png", ZERO), Row("b.png", BLANK), Row("x", BROKEN))
    assert written("csv", *rows) == (
        "path,verdict,digit,confidence,model_version,error\n"
        "7.png,digit,7,0.9877,3,\n"
        "0.png,digit,0,1.0,3,\n"
        "b.png,blank,,0.0,3,\n"
        'x,,,,,"is ""broken"", badly"\n'
    )


def test_csv_of_no_images_is_the_header() -> None:
    assert written("csv") == ",".join(COLUMNS) + "\n"


def test_json_lines_have_every_column_and_null_where_there_is_nothing() -> None:
    lines = written("jsonl", Row("7.png", SEVEN), Row("x", BROKEN)).splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "path": "7.png",
            "verdict": "digit",
            "digit": 7,
            "confidence": 0.9877,
            "model_version": "3",
            "error": None,
        },
        dict.fromkeys(COLUMNS) | {"path": "x", "error": 'is "broken", badly'},
    ]
    assert tuple(json.loads(lines[0])) == COLUMNS


def test_a_table_has_a_line_for_each_image_under_one_header() -> None:
    lines = written("table", Row("7.png", SEVEN), Row("long/b.png", BLANK), Row("x", BROKEN))
    assert [line.split() for line in lines.splitlines()] == [
        ["path", "verdict", "digit", "confidence", "model", "error"],
        ["7.png", "digit", "7", "98.8%", "3"],
        ["long/b.png", "blank", "0.0%", "3"],
        ["x", "error", "is", '"broken",', "badly"],
    ]


def test_the_columns_of_a_table_stand_below_each_other() -> None:
    lines = written("table", Row("7.png", SEVEN), Row("a/much/longer/path.png", ZERO)).splitlines()
    assert (
        len({line.index(word) for line, word in zip(lines[1:], ("digit",) * 2, strict=True)}) == 1
    )


def test_a_table_of_more_rows_than_are_held_back_has_them_all_once() -> None:
    rows = [Row(f"{number}.png", SEVEN) for number in range(150)]
    lines = written("table", *rows).splitlines()
    assert [line.split()[0] for line in lines] == ["path", *(row.path for row in rows)]


def test_a_table_of_no_images_is_empty() -> None:
    assert written("table") == ""


@pytest.mark.parametrize("path", AWKWARD, ids=ascii)
def test_any_path_survives_csv(path: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        writer("csv", out).write(Row(path, SEVEN))
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as back:
        assert [row["path"] for row in csv.DictReader(back)] == [path]
    assert os.fsencode(path).replace(b'"', b'""') in file.read_bytes()


@pytest.mark.parametrize("path", AWKWARD, ids=ascii)
def test_any_path_survives_json_lines(path: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        writer("jsonl", out).write(Row(path, SEVEN))
    [line] = file.read_bytes().splitlines()
    assert json.loads(line.decode("utf-8", "surrogateescape"))["path"] == path


def test_every_format_has_a_writer() -> None:
    for form in get_args(Format):
        assert "7.png" in written(form, Row("7.png", SEVEN))
