"""The list of images that failed, in the form that ``--files-from`` reads."""

from pathlib import Path

from digits_client.atomic_file import AtomicFile

from .rows import Row


class FailedList:
    """Writes the paths of images that have an error.

    The file gets its name only when the list is complete. An earlier list of that name, which
    may be the input of the run, stays until then.
    """

    def __init__(self, path: Path, separator: bytes) -> None:
        """Open the file under its temporary name.

        Args:
            path: The file.
            separator: The byte that ends each path: a line feed or NUL.

        Raises:
            OSError: The file cannot be written.
        """
        self._separator = separator
        self._list = AtomicFile(path)
        self.unlisted_count = 0
        """Number of failed images that are not in the list, since their path has the separator."""

    def add(self, row: Row) -> None:
        """Add an image if it failed."""
        if row.error is None:
            return
        path = row.path.encode("utf-8", "surrogateescape")
        if self._separator in path:
            self.unlisted_count += 1
        else:
            self._list.file.write(path + self._separator)

    def finish(self) -> None:
        """Give the complete file its name."""
        self._list.commit()

    def close(self) -> None:
        """Remove the file if it is not complete."""
        self._list.discard()
