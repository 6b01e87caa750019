"""A row for each image, and the formats in which rows are written."""

import csv
import json
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TextIO

from digits_client.errors import DigitsError
from digits_client.results import Prediction

Format = Literal["table", "csv", "jsonl"]
Value = str | int | float | None
COLUMNS: Final = ("path", "verdict", "digit", "confidence", "model_version", "error")


@dataclass(frozen=True)
class Row:
    """What became of one image."""

    path: str
    answer: Prediction | DigitsError

    def values(self) -> dict[str, Value]:
        """Return the value of each of COLUMNS, None where there is none."""
        if isinstance(self.answer, DigitsError):
            return dict[str, Value].fromkeys(COLUMNS) | {
                "path": self.path,
                "error": str(self.answer),
            }
        return {
            "path": self.path,
            "verdict": self.answer.verdict.value,
            "digit": self.answer.digit,
            "confidence": round(self.answer.confidence, 4),
            "model_version": self.answer.model_version,
            "error": None,
        }


class RowWriter(Protocol):
    """Writes rows in one format."""

    def write(self, row: Row) -> None:
        """Write a row, or hold it back for a while."""

    def finish(self) -> None:
        """Write what was held back."""


def writer(form: Format, out: TextIO) -> RowWriter:
    """Return a writer of a format.

    A path may hold bytes that are no text: ``out`` has to be able to give them back
    (``errors="surrogateescape"``).
    """
    match form:
        case "table":
            return _TableWriter(out)
        case "csv":
            return _CsvWriter(out)
        case "jsonl":
            return _JsonLinesWriter(out)


class _CsvWriter:
    def __init__(self, out: TextIO) -> None:
        self._csv = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        self._csv.writeheader()

    def write(self, row: Row) -> None:
        self._csv.writerow(row.values())

    def finish(self) -> None:
        pass


class _JsonLinesWriter:
    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, row: Row) -> None:
        self._out.write(json.dumps(row.values(), ensure_ascii=False) + "\n")

    def finish(self) -> None:
        pass


class _TableWriter:
    """Columns for the eye. Their widths are those of the first rows, which wait for each other."""

    LOOK_AHEAD_COUNT: Final = 64

    def __init__(self, out: TextIO) -> None:
        self._out = out
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
        self._line("path", "verdict", "digit", "confidence", "model", "error")
        for row in self._held:
            self._print(row)
        self._held = None

    def _print(self, row: Row) -> None:
        values = row.values()
        confidence = values["confidence"]
        self._line(
            row.path,
            str(values["verdict"] or "error"),
            "" if values["digit"] is None else str(values["digit"]),
            f"{confidence:.1%}" if isinstance(confidence, float) else "",
            str(values["model_version"] or ""),
            str(values["error"] or ""),
        )

    def _line(
        self, path: str, verdict: str, digit: str, confidence: str, model: str, error: str
    ) -> None:
        line = (
            f"{path:<{self._path_width}}  {verdict:<11}  {digit:>5}  {confidence:>10}"
            f"  {model:>5}  {error}"
        )
        self._out.write(line.rstrip() + "\n")
