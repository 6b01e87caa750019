"""The local file system, as a tree to walk."""

import os
from collections.abc import Iterator

from . import archives
from .files import File
from .items import Item, read_error
from .scandir import Entry, sorted_entries


class LocalTree:
    """The local folders. Entries on excluded paths, and all below them, are skipped."""

    def __init__(self, excluded_paths: frozenset[str]) -> None:
        """Prepare to list folders.

        Args:
            excluded_paths: Files and folders to skip, as absolute paths without links.
        """
        self._excluded_paths = excluded_paths

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield the entries of a folder; see ``Tree``."""
        try:
            entries = sorted_entries(folder)
            yield from self._not_excluded(folder, entries) if self._excluded_paths else entries
        except (OSError, ValueError) as error:
            raise read_error(error) from None

    def _not_excluded(self, folder: str, entries: Iterator[Entry]) -> Iterator[Entry]:
        real_folder = os.path.realpath(folder)
        if self._is_excluded(real_folder):
            return
        parents_and_names = map(os.path.split, self._excluded_paths)
        names = {name for parent, name in parents_and_names if parent == real_folder}
        for entry in entries:
            if entry.name in names:
                continue
            if entry.kind == "link":
                path = os.path.join(real_folder, entry.name)  # noqa: PTH118 - paths stay strings
                if os.path.realpath(path) in self._excluded_paths:
                    continue
            yield entry

    def _is_excluded(self, real_folder: str) -> bool:
        """Return whether a folder, or one above it, is excluded."""
        ancestor = real_folder
        while ancestor not in self._excluded_paths:
            child, ancestor = ancestor, os.path.dirname(ancestor)  # noqa: PTH120 - as above
            if child == ancestor:
                return False
        return True

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder or a link to one."""
        return os.path.isdir(path or ".")  # noqa: PTH112 - paths stay strings: there may be many

    def is_archive(self, path: str) -> bool:
        """Return whether a file is an archive."""
        return archives.is_archive(path)

    def item(self, path: str) -> Item:
        """Return a file as an item."""
        return File(path)
