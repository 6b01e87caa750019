"""The known digits of images."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from .errors import UnusableFileError
from .path_text import from_utf8, safe_path


class Labels(Protocol):
    """Maps paths of images to known digits."""

    def of(self, path: str) -> int | None:
        """Return the digit of the image with this path in its row; None if it is not known."""


class FolderLabels:
    """Labels an image with the name of its folder, 0 to 9, also in archives and remote stores."""

    def of(self, path: str) -> int | None:
        """Return the digit that names the image's folder."""
        return _digit(path.rpartition("/")[0].rpartition("/")[2])


class FileLabels:
    """Labels from a file: CSV with the columns ``path`` and ``label``, or JSON lines with both.

    A path matches as a row in any format shows it, or relative to the folder of the file. If
    neither form matches, the file name alone decides, provided that it is unique in the file.
    """

    def __init__(self, file: Path) -> None:
        """Read the file.

        Raises:
            UnusableFileError: The file cannot be read, or a line lacks a path or a digit.
        """
        self._by_path: dict[str, int] = {}
        self._by_name: dict[str, int | None] = {}
        try:
            # utf-8-sig: spreadsheets start a file with a byte order mark.
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                for number, values in _records(file, lines):
                    path, digit = values.get("path"), _digit(str(values.get("label")))
                    if not isinstance(path, str) or not path or digit is None:
                        raise UnusableFileError(
                            f"{file}: line {number} needs a path and a label from 0 to 9"
                        )
                    for known in {path, from_utf8(path)}:
                        self._add(file.parent, known, digit)
        except OSError as error:
            raise UnusableFileError(f"cannot read {file}: {error.strerror}") from error
        except (csv.Error, ValueError) as error:
            raise UnusableFileError(f"{file} is neither CSV nor JSON lines: {error}") from error

    def _add(self, folder: Path, path: str, digit: int) -> None:
        self._by_path[safe_path(path)] = digit
        self._by_path[os.path.abspath(os.path.join(folder, path))] = digit  # noqa: PTH100, PTH118 - any bytes
        name = path.rpartition("/")[2]
        self._by_name[name] = None if name in self._by_name else digit

    def of(self, path: str) -> int | None:
        """Return the digit that the file has for an image."""
        for known in (safe_path(path), os.path.abspath(path)):  # noqa: PTH100
            if known in self._by_path:
                return self._by_path[known]
        return self._by_name.get(path.rpartition("/")[2])


def _records(file: Path, lines: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of the last line of each record, and its values."""
    if file.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        for number, line in enumerate(lines, 1):
            if line.strip():
                values = json.loads(line)
                yield number, values if isinstance(values, dict) else {}
    else:
        reader = csv.DictReader(lines)
        if not {"path", "label"} <= set(reader.fieldnames or ()):
            raise UnusableFileError(f"{file}: the first line needs the columns path and label")
        for record in reader:
            yield reader.line_num, record


def _digit(text: str) -> int | None:
    return int(text) if len(text) == 1 and text in "0123456789" else None
