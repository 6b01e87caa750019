"""Down a tree of folders, in a sorted order, one item at a time."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from digits_client.errors import InvalidImageError

from . import archives
from .items import Failed, Item
from .patterns import Place
from .scandir import Entry
from .selection import Selection


class Tree(Protocol):
    """What has folders: this machine, or a remote store."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield what is in a folder, by name.

        Raises:
            InvalidImageError: It cannot be listed; the message fits behind the path.
        """

    def is_folder(self, path: str) -> bool:
        """Return whether a path leads to a folder, by a link or not."""

    def is_archive(self, path: str) -> bool:
        """Return whether a file is entered as a folder is."""

    def item(self, path: str) -> Item:
        """Return a file."""


@dataclass(slots=True)
class _Level:
    path: str
    place: Place
    entries: Iterator[Entry]


class Walk:
    """Finds what is taken below one folder or archive."""

    def __init__(self, tree: Tree, selection: Selection) -> None:
        self._tree = tree
        self._selection = selection
        self.matched = False
        """Whether the pattern named something, be it meant by the selection or not."""

    def below(self, root: str, place: Place) -> Iterator[Item]:
        """Yield the files below a folder.

        Args:
            root: The folder.
            place: It, as the pattern sees it.
        """
        # A list, not recursion: folders may be nested deeper than calls.
        levels = [_Level(root, place, self._tree.entries(root))]
        while levels:
            level = levels[-1]
            try:
                entry = next(level.entries, None)
            except InvalidImageError as error:
                levels.pop()
                self.matched = True
                yield Failed(level.path, str(error))
                continue
            if entry is None:
                levels.pop()
                continue
            path = os.path.join(level.path, entry.name)  # noqa: PTH118 - paths stay strings
            if self._is_folder(path, entry, level.place):
                if folder := self._entered(path, entry.name, level.place):
                    levels.append(_Level(path, folder, self._tree.entries(path)))
            elif self._tree.is_archive(path):
                if archive := self._entered(path, entry.name, level.place):
                    yield from self.within(path, archive)
            elif self._takes(path, entry.name, level.place):
                yield self._tree.item(path)

    def within(self, archive: str, place: Place) -> Iterator[Item]:
        """Yield the files in an archive, in its own order.

        Args:
            archive: Its path.
            place: It, as the pattern sees it, to which it is a folder.
        """
        try:
            for inner_path, item in archives.members(archive):
                *folders, name = [part for part in inner_path.split("/") if part not in ("", ".")]
                below = self._descended(archive, place, folders)
                if below and self._takes(item.path, name, below):
                    yield item
        except InvalidImageError as error:
            self.matched = True
            yield Failed(archive, str(error))

    def _descended(self, path: str, place: Place | None, folders: list[str]) -> Place | None:
        for name in folders:
            path = f"{path}/{name}"
            if not (place and (place := self._entered(path, name, place))):
                return None
        return place

    def _is_folder(self, path: str, entry: Entry, place: Place) -> bool:
        if entry.kind == "link":
            return place.follows_links and self._tree.is_folder(path)
        return entry.kind == "folder"

    def _entered(self, path: str, name: str, place: Place) -> Place | None:
        below = place.folder(name, recursive=self._selection.recursive)
        if below is None:
            return None
        self.matched = self.matched or below.taken
        return below if self._selection.enters(path) else None

    def _takes(self, path: str, name: str, place: Place) -> bool:
        if not place.takes(name):
            return False
        self.matched = True
        return self._selection.takes(path)
