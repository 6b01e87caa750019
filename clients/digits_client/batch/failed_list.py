"""The list of the images that failed, to be given to ``--files-from``."""

from pathlib import Path

from .rows import Row


class FailedList:
    """Writes the paths of images that have an error; the file is whole or not there."""

    def __init__(self, path: Path, separator: bytes) -> None:
        """Begin.

        Args:
            path: The file.
            separator: What ends a path in it: a line's end, or NUL.

        Raises:
            OSError: It cannot be written.
        """
        self._path = path
        self._separator = separator
        self._part = path.with_name(path.name + ".part")
        self._file = self._part.open("wb")
        self.unlisted_count = 0
        """Of paths that hold the separator: such a list cannot name them."""

    def add(self, row: Row) -> None:
        """List an image, if it failed."""
        if row.error is None:
            return
        path = row.path.encode("utf-8", "surrogateescape")
        if self._separator in path:
            self.unlisted_count += 1
        else:
            self._file.write(path + self._separator)

    def finish(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._part.replace(self._path)

    def close(self) -> None:
        """Remove what is not whole: an earlier list, which may be the input, is left as it is."""
        self._file.close()
        self._part.unlink(missing_ok=True)
