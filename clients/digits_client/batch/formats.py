"""The formats in which rows are written, and read back."""

import csv
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal, Protocol, TextIO

from .columns import Columns
from .rows import Row

Format = Literal["table", "csv", "jsonl", "parquet"]
LineFormat = Literal["csv", "jsonl"]


class RowWriter(Protocol):
    """Writes rows in one format."""

    def write(self, row: Row) -> None:
        """Write a row, or hold it back for a while."""

    def finish(self) -> None:
        """Write what was held back."""


def writer(
    form: Literal["table", "csv", "jsonl"],
    out: TextIO,
    columns: Columns,
    *,
    has_begun: bool = False,
) -> RowWriter:
    """Return a writer of a format.

    A path may hold bytes that are no text: ``out`` has to be able to give them back
    (``errors="surrogateescape"``).

    Args:
        form: The format.
        out: Where to write.
        columns: What to write.
        has_begun: Whether rows are there already, and so a header.
    """
    match form:
        case "table":
            return _TableWriter(out, columns)
        case "csv":
            return _CsvWriter(out, columns, has_header=has_begun)
        case "jsonl":
            return _JsonLinesWriter(out, columns)


def records(form: LineFormat, file: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield each whole record of a file with what it was read from.

    Ends before one that is torn: without its line's end, or without the end of a quoted
    field. A CSV's header is yielded too, with no values.

    Raises:
        ValueError: A record is none of the format.
    """
    names: list[str] | None = None
    for record in _whole(form, file):
        text = record.decode("utf-8", "surrogateescape")
        if form == "jsonl":
            values = json.loads(text)
            if not isinstance(values, dict):
                raise ValueError(f"it is no object: {text[:40]!r}")
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


def _whole(form: LineFormat, file: BinaryIO) -> Iterator[bytes]:
    record = b""
    for line in file:
        record += line
        is_within_quotes = form == "csv" and record.count(b'"') % 2 == 1
        if record.endswith(b"\n") and not is_within_quotes:
            yield record
            record = b""


class _CsvWriter:
    def __init__(self, out: TextIO, columns: Columns, *, has_header: bool) -> None:
        self._columns = columns
        self._plain = csv.writer(out, lineterminator="\n")
        self._quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if not has_header:
            self._plain.writerow(columns.names)

    def write(self, row: Row) -> None:
        # A return in a name is left without quotes by Python's writer, and its reader then
        # takes it for the end of the line.
        chosen = self._quoted if "\r" in row.path else self._plain
        chosen.writerow(self._columns.values(row).values())

    def finish(self) -> None:
        pass


class _JsonLinesWriter:
    def __init__(self, out: TextIO, columns: Columns) -> None:
        self._out = out
        self._columns = columns

    def write(self, row: Row) -> None:
        self._out.write(json.dumps(self._columns.values(row), ensure_ascii=False) + "\n")

    def finish(self) -> None:
        pass


class _TableWriter:
    """Columns for the eye. Their widths are those of the first rows, which wait for each other."""

    LOOK_AHEAD_COUNT: Final = 64

    def __init__(self, out: TextIO, columns: Columns) -> None:
        self._out = out
        self._columns = columns
        self._held: list[Row] | None = []
        self._path_width = 0

    def write(self, row: Row) -> None:
        if self._held is None:
            self._print(row)
            return
        self._held.append(row)
        if len(self._held) == self.LOOK_AHEAD_COUNT:
            self.finish()

    def finish(self) -> None:
        if not self._held:
            return
        self._path_width = max(len("path"), *(len(row.path) for row in self._held))
        titles = [_title(name) for name in self._columns.names[len(_FIRST) :]]
        self._line(["path", *_FIRST[1:], *titles])
        for row in self._held:
            self._print(row)
        self._held = None

    def _print(self, row: Row) -> None:
        values = self._columns.values(row)
        more = list(self._columns.names[len(_FIRST) :])
        self._line(
            [
                row.path,
                row.verdict or "error",
                "" if row.digit is None else str(row.digit),
                "" if row.confidence is None else f"{row.confidence:.1%}",
                row.model_version or "",
                row.error or "",
                *(_shown(name, values[name]) for name in more),
            ]
        )

    def _line(self, cells: list[str]) -> None:
        path, verdict, digit, confidence, model, error, *more = cells
        # What was asked for comes before the error, which may be long.
        shares = "".join(f"  {cell:>6}" for cell in more)
        line = (
            f"{path:<{self._path_width}}  {verdict:<11}  {digit:>5}  {confidence:>10}"
            f"  {model:>5}{shares}  {error}"
        )
        self._out.write(line.rstrip() + "\n")


_FIRST: Final = ("path", "verdict", "digit", "confidence", "model", "error")


def _title(name: str) -> str:
    return "" if name.endswith("_probability") else name.replace("_", " ")


def _shown(name: str, value: object) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if isinstance(value, float) else str(value)
