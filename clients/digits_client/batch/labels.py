"""The known digits or numbers of images."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from digits_client.sources import with_slashes

from .errors import UnusableFileError
from .path_text import from_utf8, safe_path


class Labels(Protocol):
    """Maps paths of images to known digits or numbers."""

    def of(self, path: str) -> str | None:
        """Return the label of the image with this path in its row; None if it is not known."""


class FolderLabels:
    """Labels an image with the name of a folder above it, also in archives and remote stores.

    Of several folders that are labels, the nearest counts.
    """

    def __init__(self, *, are_numbers: bool = False) -> None:
        """Take names of one digit, 0 to 9; or names of any number of digits."""
        self._are_numbers = are_numbers

    def of(self, path: str) -> str | None:
        """Return the digit or the number that names the nearest such folder above an image."""
        folders = path.split("/")[-2::-1]  # the nearest first
        labels = (_label(name, are_numbers=self._are_numbers) for name in folders)
        return next((label for label in labels if label is not None), None)


class FileLabels:
    """Labels from a file: CSV with the columns ``path`` and ``label``, or JSON lines with both.

    A path matches as a row in any format shows it, or relative to the folder of the file. If
    neither form matches, the file name alone decides, provided that it is unique in the file.
    """

    def __init__(self, file: Path, *, are_numbers: bool = False) -> None:
        """Read the file.

        Args:
            file: The file.
            are_numbers: Whether labels have any number of digits, or one.

        Raises:
            UnusableFileError: The file cannot be read, or a line lacks a path or a label.
        """
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, str | None] = {}
        kind = "of digits" if are_numbers else "from 0 to 9"
        try:
            # utf-8-sig: spreadsheets start a file with a byte order mark.
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                for number, values in _records(file, lines):
                    path = values.get("path")
                    label = _label(str(values.get("label")), are_numbers=are_numbers)
                    if not isinstance(path, str) or not path or label is None:
                        raise UnusableFileError(
                            f"{file}: line {number} needs a path and a label {kind}"
                        )
                    for known in {path, from_utf8(path)}:
                        self._add(file.parent, known, label)
        except OSError as error:
            raise UnusableFileError(f"cannot read {file}: {error.strerror}") from error
        except (csv.Error, ValueError) as error:
            raise UnusableFileError(f"{file} is neither CSV nor JSON lines: {error}") from error

    def _add(self, folder: Path, path: str, label: str) -> None:
        self._by_path[safe_path(path)] = label
        self._by_path[os.path.abspath(os.path.join(folder, path))] = label  # noqa: PTH100, PTH118 - any bytes
        name = with_slashes(path).rpartition("/")[2]
        self._by_name[name] = None if name in self._by_name else label

    def of(self, path: str) -> str | None:
        """Return the label that the file has for an image."""
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


def _label(text: str, *, are_numbers: bool) -> str | None:
    is_label = text.isascii() and text.isdigit() and (are_numbers or len(text) == 1)
    return text if is_label else None
