"""The output of rows: standard output, or a file that gets its name once it is complete."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self, TextIO

from digits_client.atomic_file import before_rename, destination, open_part, part_path
from digits_client.special_file import is_special, open_special

from . import parquet
from .columns import Columns
from .errors import UnusableFileError
from .formats import Format, LineFormat, writer
from .resume import read_rows, truncate_partial_record
from .rows import Row


class Output:
    """Writes rows so that none is lost if the run is killed.

    The rows of a file are in ``<name>.part`` until the file is complete. For Parquet, to which
    rows cannot be appended, they are JSON lines until then. A special file, such as a pipe, gets
    each row at once, and a Parquet file at the end.
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
        self.part: Path | None = None
        """The file that holds the rows until the output is complete, and that can be resumed."""
        self._journal: Path | None = None  # the same, or a temporary file for a special one
        self._out: TextIO = sys.stdout
        self._stack = contextlib.ExitStack()
        self._has_rows = False
        self._is_complete = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, *, resumes: bool) -> None:
        """Open the output, and with ``resumes``, append to the rows of an interrupted run.

        Raises:
            UnusableFileError: There are such rows but ``resumes`` is not set, or they have
                another format or other columns, or the output is a special file.
            BlockingIOError: Another run is writing the same output.
            OSError: The file cannot be written.
        """
        if self._path is not None and is_special(self._path):
            if resumes:
                raise UnusableFileError(
                    f"--resume: {self._path} is not a regular file, so no rows can be read from it"
                )
            self._open_special(self._path)
        elif self._path is not None:
            self.part = self._journal = part_path(self._path)
            self._open_part(self.part, destination(self._path), resumes=resumes)
        row_format = "jsonl" if self._format == "parquet" else self._format
        self._writer = writer(row_format, self._out, self._columns, has_rows=self._has_rows)

    def _open_special(self, path: Path) -> None:
        if self._format == "parquet":
            import tempfile  # imported late: it takes milliseconds, and few runs need it

            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="digits-batch-"))
            self._journal = Path(folder, "rows")
            self._use(self._journal.open("wb"))
        else:
            self._use(open_special(path))

    def _open_part(self, part: Path, final: Path, *, resumes: bool) -> None:
        file = self._stack.enter_context(open_part(part))
        while resumes and self._format != "parquet" and not part.stat().st_size and final.exists():
            before_rename(file)
            final.replace(part)  # the file is complete: new images are appended
            file.close()
            file = self._stack.enter_context(open_part(part))
        self._use(file)
        self._has_rows = part.stat().st_size > 0
        self._stack.callback(self._remove_if_empty, part)
        if not resumes and self._has_rows:
            raise UnusableFileError(
                f"{part} is left from an interrupted run: continue it with --resume, or "
                "remove the file"
            )
        if resumes:
            truncate_partial_record(part, self._line_format, self._columns)
            self._has_rows = part.stat().st_size > 0

    def _use(self, file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="")
        self._out = self._stack.enter_context(text)

    def _remove_if_empty(self, part: Path) -> None:
        if not self._has_rows and not self._is_complete:
            before_rename(self._out)
            part.unlink(missing_ok=True)  # there is nothing to resume

    @property
    def resumable(self) -> Path | None:
        """The file with the rows that ``--resume`` continues; None if there is none."""
        if self.part is None or self._path is None or not self._is_complete:
            return self.part
        return None if self._format == "parquet" else destination(self._path)

    @property
    def _line_format(self) -> LineFormat:
        return "csv" if self._format == "csv" else "jsonl"

    def existing_rows(self) -> Iterator[Row]:
        """Yield the rows of the interrupted run that this one continues."""
        return iter(()) if self.part is None else read_rows(self.part, self._line_format)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, and pass them to the operating system at once."""
        self._has_rows = self._has_rows or bool(rows)
        self._writer.write(rows)
        self._out.flush()

    def finish(self, *, is_complete: bool) -> None:
        """Write rows that were held back, and give a complete file its name."""
        self._writer.finish()
        self._out.flush()
        if not is_complete or self._path is None:
            return
        if self._journal is None:
            self._stack.close()
            return
        os.fsync(self._out.fileno())
        before_rename(self._out)
        if self._format == "parquet":
            parquet.convert(self._journal, self._path, self._columns)
            self._journal.unlink()
        else:
            self._journal.replace(destination(self._path))
        self._is_complete = True
        self._stack.close()  # which unlocks the file
