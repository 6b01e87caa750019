"""Where rows go: standard output, or a file that has its name only once it is complete."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self, TextIO

from . import parquet
from .columns import Columns
from .errors import UnusableFileError
from .formats import Format, LineFormat, writer
from .resume import mend, rows
from .rows import Row


class Output:
    """Writes rows in a format; what has been written is there, whatever comes after.

    A file's rows are in ``<name>.part`` until ``complete``. Those of Parquet, which cannot be
    added to, are in JSON lines until then.
    """

    def __init__(self, form: Format, columns: Columns, path: Path | None = None) -> None:
        """Prepare to write.

        Args:
            form: The format.
            columns: What to write.
            path: The file; None for standard output.
        """
        self._form = form
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
        """Where the rows are until the file is complete."""
        assert self._path is not None  # noqa: S101 - only asked of a file
        return self._path.with_name(self._path.name + ".part")

    def begin(self, *, resumes: bool) -> None:
        """Make ready to write, behind the rows of an interrupted run if told so.

        Raises:
            UnusableFileError: There are such rows and nothing was said of them, or they are
                others than would be written here.
            OSError: It cannot be written.
        """
        has_begun = False
        if self._path is not None:
            if resumes:
                self._mend(self._path)
            has_begun = self.part.exists() and self.part.stat().st_size > 0
            if has_begun and not resumes:
                raise UnusableFileError(
                    f"{self.part} is there from a run that was interrupted: go on with --resume, "
                    "or remove it"
                )
            out = self.part.open("a", encoding="utf-8", errors="surrogateescape", newline="")
            self._out = self._stack.enter_context(out)
        form = "jsonl" if self._form == "parquet" else self._form
        self._writer = writer(form, self._out, self._columns, has_begun=has_begun)
        self._has_rows = has_begun

    def _mend(self, path: Path) -> None:
        if not self.part.exists() and path.exists() and self._form != "parquet":
            path.rename(self.part)  # it is complete: what is new since is added
        if self.part.exists():
            mend(self.part, self._line_form, self._columns)

    @property
    def _line_form(self) -> LineFormat:
        return "csv" if self._form == "csv" else "jsonl"

    def done(self) -> Iterator[Row]:
        """Yield the rows that were there when it began."""
        return iter(()) if self._path is None else rows(self.part, self._line_form)

    def write(self, answered: Iterable[Row]) -> None:
        """Write rows, so that a kill right after loses none of them."""
        for row in answered:
            self._writer.write(row)
            self._has_rows = True
        self._out.flush()

    def finish(self, *, is_complete: bool) -> None:
        """Write what was held back; a complete file gets its name."""
        self._writer.finish()
        self._out.flush()
        if self._path is None:
            return
        if not is_complete:
            if not self._has_rows:
                self.part.unlink()  # nothing to go on from
            return
        os.fsync(self._out.fileno())
        self._stack.close()
        if self._form == "parquet":
            parquet.convert(self.part, self._path, self._columns)
            self.part.unlink()
        else:
            self.part.replace(self._path)
