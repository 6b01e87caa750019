"""The formats of the output, for writing rows and for reading them back."""

import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, Protocol, TextIO

from digits_client.percent import percent

from .columns import COLUMNS, Columns
from .path_text import from_utf8, safe_path, safe_text, to_utf8
from .rows import Row

Format = Literal["table", "csv", "jsonl", "parquet"]
LineFormat = Literal["csv", "jsonl"]

DEFAULT_FORMAT: Final = "table"
_BY_EXTENSION: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".txt": "table",
}


class RowWriter(Protocol):
    """Writes rows in one format."""

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, now or later."""

    def finish(self) -> None:
        """Write the rows that were held back."""


def format_of(path: Path | None) -> Format:
    """Return the format that the name of an output file asks for.

    Args:
        path: The file; None for standard output.
    """
    return _BY_EXTENSION.get(path.suffix.lower() if path else "", DEFAULT_FORMAT)


def writer(
    row_format: Literal["table", "csv", "jsonl"],
    out: TextIO,
    columns: Columns,
    *,
    has_rows: bool = False,
) -> RowWriter:
    """Return a writer for a format.

    Args:
        row_format: The format.
        out: The stream, with ``errors="surrogateescape"`` since paths are bytes, not text.
        columns: The columns to write.
        has_rows: Whether the stream already has rows, and so a header.
    """
    match row_format:
        case "table":
            return _TableWriter(out, columns)
        case "csv":
            return _CsvWriter(out, columns, has_header=has_rows)
        case "jsonl":
            return _JsonLinesWriter(out, columns)


def records(row_format: LineFormat, file: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the bytes and the values of each complete record.

    Stops before an incomplete record, which lacks its line feed or the end of a quoted field.
    The header of a CSV file is yielded as a record without values.

    Raises:
        ValueError: A record is not valid in the format.
    """
    names: list[str] | None = None
    for record in _complete_records(row_format, file):
        text = record.decode("utf-8", "surrogateescape")
        if row_format == "jsonl":
            values = json.loads(text)
            if not isinstance(values, dict):
                raise ValueError(f"{text[:40]!r} is not a JSON object")
            if isinstance(values.get("path"), str):
                values["path"] = from_utf8(values["path"])
            yield record, values
            continue
        try:
            [fields] = csv.reader([text])
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if names is None:
            names = fields
            yield record, {}
        else:
            yield record, dict(zip(names, fields, strict=True))


def _complete_records(row_format: LineFormat, file: BinaryIO) -> Iterator[bytes]:
    record = b""
    for line in file:
        record += line
        is_within_quotes = row_format == "csv" and record.count(b'"') % 2 == 1
        if record.endswith(b"\n") and not is_within_quotes:
            yield record
            record = b""


def _safe_row(row: Row) -> Row:
    """Return a row of which a spreadsheet takes no cell for a formula."""
    path = safe_path(row.path)
    if row.error is not None:
        return row._replace(path=path, error=safe_text(row.error))
    return row if path is row.path else row._replace(path=path)


def _has_separator(row: Row) -> bool:
    # Python's writer leaves a carriage return unquoted, which its reader takes for a line end.
    # The others separate the cells of a spreadsheet in some languages.
    return "\r" in row.path or ";" in row.path or "\t" in row.path


class _CsvWriter:
    def __init__(self, out: TextIO, columns: Columns, *, has_header: bool) -> None:
        self._columns = columns
        self._minimal = csv.writer(out, lineterminator="\n")
        self._quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if not has_header:
            self._minimal.writerow(columns.names)

    def write(self, rows: Sequence[Row]) -> None:
        for has_separator, group in itertools.groupby(map(_safe_row, rows), _has_separator):
            chosen = self._quoted if has_separator else self._minimal
            chosen.writerows(map(self._columns.values, group))

    def finish(self) -> None:
        pass


class _JsonLinesWriter:
    def __init__(self, out: TextIO, columns: Columns) -> None:
        self._out = out
        self._columns = columns
        self._encode = json.JSONEncoder(ensure_ascii=False).encode

    def write(self, rows: Sequence[Row]) -> None:
        names = self._columns.names
        for row in rows:
            values = dict(zip(names, self._columns.values(row), strict=True))
            values["path"] = to_utf8(row.path)
            if row.digits is not None:
                values["digits"] = json.loads(row.digits)
            if row.error is not None:
                values["error"] = to_utf8(row.error)
            self._out.write(self._encode(values) + "\n")

    def finish(self) -> None:
        pass


class _TableWriter:
    """Aligned columns for reading. The first rows are held back to find the column width."""

    LOOK_AHEAD_COUNT: Final = 64

    def __init__(self, out: TextIO, columns: Columns) -> None:
        self._out = out
        self._columns = columns
        self._held: list[Row] | None = []
        self._path_width = 0
        self._text_width = 5

    def write(self, rows: Sequence[Row]) -> None:
        if self._held is None:
            for row in rows:
                self._print(row)
            return
        self._held += rows
        if len(self._held) >= self.LOOK_AHEAD_COUNT:
            self.finish()

    def finish(self) -> None:
        if not self._held:
            return
        self._path_width = max(len("path"), *(len(row.path) for row in self._held))
        has_digits = not self._columns.are_of_numbers
        if not has_digits:
            self._text_width = max(len("number"), *(len(row.number or "") for row in self._held))
        titles = map(_title, self._columns.names[len(COLUMNS) :] if has_digits else ())
        text = "digit" if has_digits else "number"
        fixed = ("path", "verdict", text, "confidence", "model", "error", "reason", "unread")
        self._print_cells([*fixed, *titles])
        for row in self._held:
            self._print(row)
        self._held = None

    def _print(self, row: Row) -> None:
        values = () if self._columns.are_of_numbers else self._columns.values(row)
        extras = values[len(COLUMNS) :]
        self._print_cells(
            [
                row.path,
                row.verdict or "error",
                row.text or "",
                "" if row.text is None else percent(row.share),
                row.model_version or "",
                row.error or "",
                row.reason or "",
                str(row.unread_pages or ""),
                *(_cell(value, row) for value in extras),
            ]
        )

    def _print_cells(self, cells: list[str]) -> None:
        path, verdict, text, confidence, model, error, reason, unread_pages, *extras = cells
        # The error comes last because it may be long.
        extra_text = "".join(f"  {cell:>6}" for cell in extras)
        line = (
            f"{path:<{self._path_width}}  {verdict:<11}  {text:>{self._text_width}}"
            f"  {confidence:>10}  {model:>5}  {reason:<14}  {unread_pages:>6}{extra_text}  {error}"
        )
        self._out.write(line.rstrip() + "\n")


def _title(name: str) -> str:
    return "" if name.endswith("_probability") else name.replace("_", " ")


def _cell(value: object, row: Row) -> str:
    """Return a value of an optional column; without a digit, its probabilities would mislead."""
    if isinstance(value, float):
        return percent(value * (1 - (row.not_a_digit or 0))) if row.text is not None else ""
    return "" if value is None else str(value)
