"""Rows written in every format, and read back."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Literal

import pytest
from google.rpc import status_pb2

from digits.v1 import recognizer_pb2 as pb
from digits_client import InvalidImageError, ServerFailureError
from digits_client.batch.columns import COLUMNS, Columns, parse_row
from digits_client.batch.formats import LineFormat, format_of, records, writer
from digits_client.batch.path_text import from_utf8
from digits_client.batch.rows import Row

SEVEN = Row("7.png", "digit", 7, 0.9877, "3", unread_pages=0)
ZERO = Row("0.png", "digit", 0, 1.0, "3", unread_pages=2)
BLANK = Row("b.png", "blank", None, 0.0, "3", unread_pages=0)
SMALL = Row("s.png", "not_a_digit", None, 0.0, "3", reason="too_small", unread_pages=0)
BROKEN = Row("x", error='is "broken", badly')

AWKWARD = [
    "a,b.png",
    'a"b.png',
    "a\nb.png",
    "a\rb.png",
    '"\r\n,',
    "ä 七.png",
    os.fsdecode(b"latin-\xe4.png"),
    "a\tb.png",
    "a\\xff.png",
    "a;b.png",
]


def write(
    row_format: Literal["table", "csv", "jsonl"], *rows: Row, columns: Columns | None = None
) -> str:
    out = io.StringIO(newline="")
    row_writer = writer(row_format, out, columns or Columns())
    row_writer.write(rows[:1])
    row_writer.write(rows[1:])
    row_writer.finish()
    return out.getvalue()


def test_a_row_has_a_prediction_or_an_error() -> None:
    shares = [0.25, 0.75, *[0.0] * 8]
    predicted = pb.RecognizeResult(
        predictions=[
            pb.Prediction(
                verdict=pb.VERDICT_DIGIT,
                digit=1,
                confidence=0.99876544,
                probabilities=shares,
                model_version="3",
            )
        ]
    )
    assert Row.of("a", predicted) == Row(
        "a", "digit", 1, 0.9988, "3", unread_pages=0, probabilities=tuple(shares)
    )
    assert Row.of("a", predicted, has_probabilities=False).probabilities == ()
    blank = pb.RecognizeResult(
        predictions=[pb.Prediction(verdict=pb.VERDICT_BLANK, model_version="3")]
    )
    assert Row.of("a", blank) == Row("a", "blank", None, 0.0, "3", unread_pages=0)
    small = pb.RecognizeResult(
        predictions=[
            pb.Prediction(
                verdict=pb.VERDICT_NOT_A_DIGIT, reason=pb.REASON_TOO_SMALL, unread_pages=4
            )
        ]
    )
    assert Row.of("a", small)[6:8] == ("too_small", 4)
    failed = pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated"))
    assert Row.of("a", failed) == Row("a", error="is truncated")
    assert Row.of("a", InvalidImageError("no")) == Row("a", error="no")


def test_an_invalid_result_of_the_server_is_not_a_row() -> None:
    with pytest.raises(ServerFailureError, match="0 predictions for one image"):
        Row.of("a", pb.RecognizeResult())
    unknown = pb.RecognizeResult(predictions=[pb.Prediction()])
    with pytest.raises(ServerFailureError, match="unknown verdict"):
        Row.of("a", unknown)


def test_the_columns_are_a_contract() -> None:
    assert (
        COLUMNS
        == Columns().names
        == (
            *("path", "verdict", "digit", "confidence", "model_version", "error"),
            *("reason", "unread_pages", "not_a_digit"),
        )
    )


def test_csv_has_a_header_and_a_row_for_each_image() -> None:
    rows = (SEVEN, ZERO, BLANK, SMALL, BROKEN)
    assert write("csv", *rows) == (
        "path,verdict,digit,confidence,model_version,error,reason,unread_pages,not_a_digit\n"
        "7.png,digit,7,0.9877,3,,,0,\n"
        "0.png,digit,0,1.0,3,,,2,\n"
        "b.png,blank,,0.0,3,,,0,\n"
        "s.png,not_a_digit,,0.0,3,,too_small,0,\n"
        'x,,,,,"is ""broken"", badly",,,\n'
    )


def test_csv_without_images_is_the_header_alone() -> None:
    assert write("csv") == ",".join(COLUMNS) + "\n"


def test_json_lines_have_every_column_with_null_for_missing_values() -> None:
    lines = write("jsonl", SEVEN, BROKEN).splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "path": "7.png",
            "verdict": "digit",
            "digit": 7,
            "confidence": 0.9877,
            "model_version": "3",
            "error": None,
            "reason": None,
            "unread_pages": 0,
            "not_a_digit": None,
        },
        dict.fromkeys(COLUMNS) | {"path": "x", "error": 'is "broken", badly'},
    ]
    assert tuple(json.loads(lines[0])) == COLUMNS


def test_a_table_has_a_header_and_a_line_for_each_image() -> None:
    lines = write("table", SEVEN, ZERO, BLANK._replace(path="long/b.png"), SMALL, BROKEN)
    assert [line.split() for line in lines.splitlines()] == [
        ["path", "verdict", "digit", "confidence", "model", "reason", "unread", "error"],
        ["7.png", "digit", "7", "98.8%", "3"],
        ["0.png", "digit", "0", "99.9%", "3", "2"],
        ["long/b.png", "blank", "3"],
        ["s.png", "not_a_digit", "3", "too_small"],
        ["x", "error", "is", '"broken",', "badly"],
    ]


def test_an_image_without_a_digit_has_no_percentage_in_a_table() -> None:
    shares = (0.0, 0.004, 0.0, 0.0, 0.996, *[0.0] * 5)
    letter = Row("a.png", "not_a_digit", None, 0.75, "3", reason="no_digit", probabilities=shares)
    number = Row("n.png", "not_a_digit", None, 0.75, "3", reason="no_digit")
    _, line = write("table", letter, columns=Columns(2, has_probabilities=True)).splitlines()
    assert line.split() == ["a.png", "not_a_digit", "3", "no_digit", "4", "1"]
    assert "%" not in write("table", number, columns=Columns(are_of_numbers=True))
    assert json.loads(write("jsonl", letter))["confidence"] == 0.75
    assert ",0.75," in write("csv", letter)


def test_the_columns_of_a_table_are_aligned() -> None:
    lines = write("table", SEVEN, ZERO._replace(path="a/much/longer/path.png")).splitlines()
    assert (
        len({line.index(word) for line, word in zip(lines[1:], ("digit",) * 2, strict=True)}) == 1
    )


def test_a_table_longer_than_its_look_ahead_has_every_row_once() -> None:
    rows = [SEVEN._replace(path=f"{number}.png") for number in range(150)]
    lines = write("table", *rows).splitlines()
    assert [line.split()[0] for line in lines] == ["path", *(row.path for row in rows)]


def test_a_table_without_images_is_empty() -> None:
    assert write("table") == ""


@pytest.mark.parametrize("path", AWKWARD, ids=ascii)
def test_any_path_survives_csv(path: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        writer("csv", out, Columns()).write([SEVEN._replace(path=path)])
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as back:
        assert [row["path"] for row in csv.DictReader(back)] == [path]
    assert os.fsencode(path).replace(b'"', b'""') in file.read_bytes()


@pytest.mark.parametrize("path", AWKWARD, ids=ascii)
def test_any_path_survives_json_lines(path: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        writer("jsonl", out, Columns()).write([SEVEN._replace(path=path)])
    [line] = file.read_bytes().splitlines()
    assert from_utf8(json.loads(line.decode("utf-8"))["path"]) == path  # strictly UTF-8
    with file.open("rb") as back:
        assert [values["path"] for _, values in records("jsonl", back)] == [path]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "=a/7.png", "=\udcff"]  # noqa: RUF001


@pytest.mark.parametrize("path", FORMULAS, ids=ascii)
def test_no_cell_of_csv_is_a_formula_and_its_path_is_that_of_the_same_file(path: str) -> None:
    out = write("csv", SEVEN._replace(path=path), Row(path, error="=HYPERLINK(1)"))
    _, *rows = csv.reader(io.StringIO(out, newline=""))
    assert [row[0] for row in rows] == [f"./{path}"] * 2
    assert os.path.normpath(rows[0][0]) == path
    assert rows[1][COLUMNS.index("error")] == "'=HYPERLINK(1)"
    assert json.loads(write("jsonl", SEVEN._replace(path="=1.png")))["path"] == "=1.png"


@pytest.mark.parametrize("path", ["a;=1.png", "a\t=1.png"])
def test_a_path_that_a_spreadsheet_could_split_is_quoted(path: str) -> None:
    assert f'\n"{path}",' in write("csv", SEVEN._replace(path=path))


def test_an_error_is_valid_utf_8_in_json_lines() -> None:
    [line] = write("jsonl", Row("a", error="cannot read \udcff")).splitlines()
    assert json.loads(line.encode("utf-8"))["error"] == "cannot read \\xff"


SHARES = (0.01, 0.02, 0.03, 0.9, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0)
WIDE = Columns(top_count=2, has_probabilities=True)


def test_optional_columns_follow_the_fixed_ones() -> None:
    unsure = Row("a", "not_a_digit", None, 0.9, "3", probabilities=SHARES)
    [line] = write("jsonl", unsure, columns=WIDE).splitlines()
    values = json.loads(line)
    assert list(values) == [*COLUMNS, *TOP, *(f"p{digit}" for digit in range(10))]
    assert [values[name] for name in TOP] == [3, 0.9, 4, 0.04]
    assert [values[f"p{digit}"] for digit in range(10)] == list(SHARES)
    header, row = csv.reader(io.StringIO(write("csv", unsure, columns=WIDE)))
    assert header == list(values)
    assert row[len(COLUMNS) :][:4] == ["3", "0.9", "4", "0.04"]


def test_probabilities_are_rounded_and_ranked_after_that() -> None:
    shares = (0.00004, 0.49998, 0.50001, *[0.0] * 7)
    row = Row("a", "digit", 2, 0.5, "3", probabilities=shares)
    [line] = write("jsonl", row, columns=WIDE).splitlines()
    values = json.loads(line)
    assert [values[name] for name in TOP] == [1, 0.5, 2, 0.5]
    assert [values[f"p{digit}"] for digit in range(4)] == [0.0, 0.5, 0.5, 0.0]


TOP = ["top_1", "top_1_probability", "top_2", "top_2_probability"]


def test_a_row_without_probabilities_has_null_in_their_columns() -> None:
    [line] = write("jsonl", BLANK, columns=WIDE).splitlines()
    assert [value for name, value in json.loads(line).items() if name not in COLUMNS] == [None] * 14


def test_a_table_shows_the_most_probable_digits_too() -> None:
    row = ZERO._replace(probabilities=SHARES)
    header, line = write("table", row, columns=Columns(2)).splitlines()
    assert header.split() == [
        "path",
        "verdict",
        "digit",
        "confidence",
        "model",
        "reason",
        "unread",
        "top",
        "1",
        "top",
        "2",
        "error",
    ]
    assert line.split() == ["0.png", "digit", "0", "99.9%", "3", "2", "3", "90.0%", "4", "4.0%"]


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_rows_are_read_back_unchanged(row_format: LineFormat) -> None:
    rows = [SEVEN, ZERO, BLANK, SMALL, BROKEN, *(SEVEN._replace(path=path) for path in AWKWARD)]
    content = write(row_format, *rows, columns=WIDE).encode("utf-8", "surrogateescape")
    found = list(records(row_format, io.BytesIO(content)))
    assert b"".join(record for record, _ in found) == content
    assert [parse_row(values) for _, values in found if values] == rows


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_reading_stops_before_an_incomplete_record(
    row_format: LineFormat,
) -> None:
    rows = [SEVEN, ZERO._replace(path='a\n"b",\r\n\n'), BROKEN]
    content = write(row_format, *rows).encode()
    ends = [0]
    for record, _ in records(row_format, io.BytesIO(content)):
        ends.append(ends[-1] + len(record))
    for length in range(len(content)):
        found = list(records(row_format, io.BytesIO(content[:length])))
        whole = sum(len(record) for record, _ in found)
        assert whole == max(end for end in ends if end <= length), content[:length]


@pytest.mark.parametrize(
    ("row_format", "content"),
    [("jsonl", b"nonsense\n"), ("jsonl", b"[1]\n"), ("csv", b"path,digit\na\n")],
)
def test_a_record_of_another_format_is_an_error(row_format: LineFormat, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(records(row_format, io.BytesIO(content)))


@pytest.mark.parametrize("values", [{}, {"path": ""}, dict.fromkeys(COLUMNS), {"path": 5}])
def test_values_without_the_fixed_columns_are_not_a_row(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="is missing"):
        parse_row(values)


NUMBERS = Columns(are_of_numbers=True)
PLACES = [
    {"digit": 2, "confidence": 0.9, "box": [1, 2, 3, 4]},
    {"digit": None, "confidence": 0.4, "box": [5, 2, 3, 4]},
]
TWO = Row("2.png", "digit", None, 0.75, "3", unread_pages=0, number="2?", digits=json.dumps(PLACES))
NONE = Row("n.png", "not_a_digit", None, 0.0, "3", reason="no_digit", unread_pages=0)


def test_the_row_of_a_number_has_its_text_and_its_places() -> None:
    box = pb.Box(left=1, top=2, width=3, height=4)
    result = pb.RecognizeResult(
        numbers=[pb.Number(text="2?", confidence=0.75, box=box)],
        predictions=[
            pb.Prediction(
                verdict=pb.VERDICT_DIGIT, digit=2, confidence=0.9, box=box, model_version="3"
            ),
            pb.Prediction(
                verdict=pb.VERDICT_NOT_A_DIGIT,
                confidence=0.4,
                box=pb.Box(left=5, top=2, width=3, height=4),
                model_version="3",
            ),
        ],
    )
    row = Row.of_number("2.png", result)
    assert row == TWO
    assert row.text == "2?"
    assert row.boxes == [(1, 2, 3, 4), (5, 2, 3, 4)]
    blank = pb.RecognizeResult(
        predictions=[
            pb.Prediction(
                verdict=pb.VERDICT_NOT_A_DIGIT, reason=pb.REASON_NO_DIGIT, model_version="3"
            )
        ]
    )
    assert Row.of_number("n.png", blank) == NONE
    failed = pb.RecognizeResult(error=status_pb2.Status(code=3, message="is truncated"))
    assert Row.of_number("a", failed) == Row("a", error="is truncated")


@pytest.mark.parametrize("row_format", ["csv", "jsonl"])
def test_rows_of_numbers_can_be_read_back(row_format: LineFormat) -> None:
    rows = [TWO, NONE, BROKEN]
    content = write(row_format, *rows, columns=NUMBERS).encode()
    read = [parse_row(values) for _, values in records(row_format, io.BytesIO(content)) if values]
    assert read == rows


def test_the_places_of_a_number_are_json() -> None:
    [line, *_] = write("jsonl", TWO, columns=NUMBERS).splitlines()
    assert json.loads(line)["digits"] == PLACES
    [row, *_] = csv.DictReader(io.StringIO(write("csv", TWO, columns=NUMBERS)))
    assert row["number"] == "2?"
    assert json.loads(row["digits"]) == PLACES


def test_a_table_shows_numbers_of_any_length() -> None:
    long = TWO._replace(number="1234567890")
    head, *lines = write("table", TWO, long, NONE, columns=NUMBERS).splitlines()
    assert head.split()[:3] == ["path", "verdict", "number"]
    assert [line.split()[2] for line in lines[:2]] == ["2?", "1234567890"]
    assert len({line.index("75.0%") for line in lines[:2]}) == 1


@pytest.mark.parametrize(
    ("name", "row_format"),
    [
        ("rows.csv", "csv"),
        ("ROWS.CSV", "csv"),
        ("rows.jsonl", "jsonl"),
        ("rows.ndjson", "jsonl"),
        ("rows.json", "jsonl"),
        ("rows.parquet", "parquet"),
        ("rows.txt", "table"),
        ("rows.xlsx", "table"),
        ("rows.csv.old", "table"),
        ("csv", "table"),
    ],
)
def test_the_name_of_the_output_file_decides_on_its_format(name: str, row_format: str) -> None:
    assert format_of(Path(name)) == row_format


def test_standard_output_gets_a_table() -> None:
    assert format_of(None) == "table"
