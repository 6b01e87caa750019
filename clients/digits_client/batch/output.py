"""The output of rows: standard output, or a file that gets its name once it is complete."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self, TextIO

from digits_client.atomic_file import part_path

from . import parquet
from .columns import Columns
from .errors import UnusableFileError
from .formats import Format, LineFormat, writer
from .resume import read_rows, truncate_partial_record
from .rows import Row


class Output:
    """Writes rows so that none is lost if the run is killed.

    The rows of a file are in ``<name>.part`` until the file is complete. For Parquet, to which
    rows cannot be appended, they are JSON lines until then.
    """

    def __init__(self, row_format: Format, columns: Columns, path: Path | None = None) -> None:
        """Store the arguments; ``open`` opens the output.

        Args:
            row_format: The format.
            columns: The columns to write.
            path: The file; None for standard output.
        """
        self._format = row_format
        self._columns = columns
        self._path = path
        self._out: TextIO = sys.stdout
        self._stack = contextlib.ExitStack()
        self._has_rows = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def part(self) -> Path:
        """The file that holds the rows until the output is complete."""
        assert self._path is not None  # noqa: S101 - not used for standard output
        return part_path(self._path)

    def open(self, *, resumes: bool) -> None:
        """Open the output, and with ``resumes``, append to the rows of an interrupted run.

        Raises:
            UnusableFileError: There are such rows but ``resumes`` is not set, or they have
                another format or other columns.
            OSError: The file cannot be written.
        """
        has_rows = False
        if self._path is not None:
            if resumes:
                self._prepare_resume(self._path)
            has_rows = self.part.exists() and self.part.stat().st_size > 0
            if has_rows and not resumes:
                raise UnusableFileError(
                    f"{self.part} is left from an interrupted run: continue it with --resume, or "
                    "remove the file"
                )
            out = self.part.open("a", encoding="utf-8", errors="surrogateescape", newline="")
            self._out = self._stack.enter_context(out)
        row_format = "jsonl" if self._format == "parquet" else self._format
        self._writer = writer(row_format, self._out, self._columns, has_rows=has_rows)
        self._has_rows = has_rows

    def _prepare_resume(self, path: Path) -> None:
        if not self.part.exists() and path.exists() and self._format != "parquet":
            path.rename(self.part)  # the file is complete: new images are appended
        if self.part.exists():
            truncate_partial_record(self.part, self._line_format, self._columns)

    @property
    def _line_format(self) -> LineFormat:
        return "csv" if self._format == "csv" else "jsonl"

    def existing_rows(self) -> Iterator[Row]:
        """Yield the rows of the interrupted run that this one continues."""
        return iter(()) if self._path is None else read_rows(self.part, self._line_format)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, and pass them to the operating system at once."""
        self._writer.write(rows)
        self._has_rows = self._has_rows or bool(rows)
        self._out.flush()

    def finish(self, *, is_complete: bool) -> None:
        """Write rows that were held back, and give a complete file its name."""
        self._writer.finish()
        self._out.flush()
        if self._path is None:
            return
        if not is_complete:
            if not self._has_rows:
                self.part.unlink()  # there is nothing to resume
            return
        os.fsync(self._out.fileno())
        self._stack.close()
        if self._format == "parquet":
            parquet.convert(self.part, self._path, self._columns)
            self.part.unlink()
        else:
            self.part.replace(self._path)
