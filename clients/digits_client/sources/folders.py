"""The folders of this machine, as a tree to walk."""

import os
from collections.abc import Iterator

from . import archives
from .files import File
from .items import Item, unreadable
from .scandir import Entry, sorted_entries


class Folders:
    """All folders here, but for some paths that are never listed."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self._left_out = left_out

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield what is in a folder; see ``Tree``."""
        try:
            entries = sorted_entries(folder)
            yield from self._without_left_out(folder, entries) if self._left_out else entries
        except (OSError, ValueError) as error:
            raise unreadable(error) from None

    def _without_left_out(self, folder: str, entries: Iterator[Entry]) -> Iterator[Entry]:
        real_folder = os.path.realpath(folder)
        if self._is_left_out(real_folder):
            return
        for entry in entries:
            path = os.path.join(real_folder, entry.name)  # noqa: PTH118 - paths stay strings
            real = os.path.realpath(path) if entry.kind == "link" else path
            if not self._left_out.intersection((path, real)):
                yield entry

    def _is_left_out(self, real_folder: str) -> bool:
        above = real_folder
        while above not in self._left_out:
            folder, above = above, os.path.dirname(above)  # noqa: PTH120 - as above
            if folder == above:
                return False
        return True

    def is_folder(self, path: str) -> bool:
        """Return whether a path leads to a folder."""
        return os.path.isdir(path or ".")  # noqa: PTH112 - paths stay strings: there may be many

    def is_archive(self, path: str) -> bool:
        """Return whether a file is entered as a folder is."""
        return archives.is_archive(path)

    def item(self, path: str) -> Item:
        """Return a file."""
        return File(path)
