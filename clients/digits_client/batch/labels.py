"""What the digit in an image is known to be."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from .errors import UnusableFileError


class Labels(Protocol):
    """Knows the digits of some images."""

    def of(self, path: str) -> int | None:
        """Return the digit of an image by the path of its row; None where it is not known."""


class FolderLabels:
    """An image in a folder named 0 to 9 is of that digit; also in archives and remote stores."""

    def of(self, path: str) -> int | None:
        """Return the digit that the image's own folder is named by."""
        return _digit(path.rpartition("/")[0].rpartition("/")[2])


class FileLabels:
    """Labels in a file: CSV with the columns ``path`` and ``label``, or JSON lines with both.

    A path is one as the rows show it, or one relative to the file's folder. Where neither is
    found, the name alone counts, if it is there only once.
    """

    def __init__(self, file: Path) -> None:
        """Read the file.

        Raises:
            UnusableFileError: It cannot be read, or a line has no path, or no digit.
        """
        self._by_path: dict[str, int] = {}
        self._by_name: dict[str, int | None] = {}
        try:
            # Spreadsheets begin a file with a mark, which is no part of the first column.
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                for number, values in _records(file, lines):
                    path, digit = values.get("path"), _digit(str(values.get("label")))
                    if not isinstance(path, str) or not path or digit is None:
                        raise UnusableFileError(
                            f"{file}: line {number} has no path and label of 0 to 9"
                        )
                    self._add(file.parent, path, digit)
        except OSError as error:
            raise UnusableFileError(f"cannot read {file}: {error.strerror}") from error
        except (csv.Error, ValueError) as error:
            raise UnusableFileError(f"{file} holds neither CSV nor JSON lines: {error}") from error

    def _add(self, folder: Path, path: str, digit: int) -> None:
        self._by_path[path] = digit
        self._by_path[os.path.abspath(os.path.join(folder, path))] = digit  # noqa: PTH100, PTH118 - any bytes
        name = path.rpartition("/")[2]
        self._by_name[name] = None if name in self._by_name else digit

    def of(self, path: str) -> int | None:
        """Return the digit that the file has for an image."""
        for known in (path, os.path.abspath(path)):  # noqa: PTH100
            if known in self._by_path:
                return self._by_path[known]
        return self._by_name.get(path.rpartition("/")[2])


def _records(file: Path, lines: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the values of each image, and the number of the line that they end in."""
    if file.suffix.lower() in (".jsonl", ".ndjson", ".json"):
        for number, line in enumerate(lines, 1):
            if line.strip():
                values = json.loads(line)
                yield number, values if isinstance(values, dict) else {}
    else:
        reader = csv.DictReader(lines)
        if not {"path", "label"} <= set(reader.fieldnames or ()):
            raise UnusableFileError(f"{file} has no columns path and label in its first line")
        for record in reader:
            yield reader.line_num, record


def _digit(text: str) -> int | None:
    return int(text) if len(text) == 1 and text in "0123456789" else None
