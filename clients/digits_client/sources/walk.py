"""Walk a tree of folders in sorted order, one item at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from digits_client.errors import InvalidImageError

from . import archives
from .glob_match import GlobState
from .image_file import ImageFile
from .items import Item, UnreadableItem
from .scandir import Entry
from .selection import Selection


class Tree(Protocol):
    """A tree of folders: the local file system or a remote store."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield the entries of a folder, sorted by name.

        Raises:
            InvalidImageError: The folder cannot be listed. The message is meant to follow
                the path.
        """

    def is_folder(self, path: str) -> bool:
        """Return whether a path is a folder or a link to one."""

    def is_archive(self, path: str) -> bool:
        """Return whether a file is an archive, which is entered like a folder."""

    def item(self, path: str) -> Item:
        """Return a file as an item."""


@dataclass(slots=True)
class _Level:
    path: str
    prefix: str  # of the paths in it
    state: GlobState
    entries: Iterator[Entry]


class Walk:
    """Finds the files to take below one folder or in one archive."""

    def __init__(self, tree: Tree, selection: Selection) -> None:
        """Prepare to walk.

        Args:
            tree: The folders to walk.
            selection: Which of the files that match are taken.
        """
        self._tree = tree
        self._selection = selection
        self.has_matched = False
        """True once the glob has matched anything, even if the selection then skipped it."""

    def walk_folder(self, root: str, state: GlobState) -> Iterator[Item]:
        """Yield the files below a folder.

        Args:
            root: The folder.
            state: The state of the glob in this folder.
        """
        # A list instead of recursion: folders may be nested deeper than the call stack.
        levels = [self._level(root, state)]
        while levels:
            level = levels[-1]
            try:
                entry = next(level.entries, None)
            except InvalidImageError as error:
                levels.pop()
                self.has_matched = True
                yield UnreadableItem(level.path, str(error))
                continue
            if entry is None:
                levels.pop()
                continue
            path = level.prefix + entry.name
            if self._is_folder(path, entry, level.state):
                if folder_state := self._enter(path, entry.name, level.state):
                    levels.append(self._level(path, folder_state))
            elif self._tree.is_archive(path):
                if archive_state := self._enter(path, entry.name, level.state):
                    yield from self.walk_archive(path, archive_state)
            elif self._accepts(path, entry.name, level.state):
                yield self._image_file(self._tree.item(path))

    def _level(self, path: str, state: GlobState) -> _Level:
        prefix = path if path.endswith("/") or not path else f"{path}/"
        return _Level(path, prefix, state, self._tree.entries(path))

    def walk_archive(self, archive: str, state: GlobState) -> Iterator[Item]:
        """Yield the files in an archive, in the archive's order.

        Args:
            archive: The path of the archive.
            state: The state of the glob in the archive, which counts as a folder.
        """
        try:
            for inner_path, item in archives.members(archive):
                parts = [part for part in inner_path.split("/") if part not in ("", ".")]
                *folders, name = parts or [inner_path]  # a forged archive may have a file "."
                inner_state = self._descend(archive, state, folders)
                if inner_state and self._accepts(item.path, name, inner_state):
                    yield self._image_file(item)
        except InvalidImageError as error:
            self.has_matched = True
            yield UnreadableItem(archive, str(error))

    def _image_file(self, item: Item) -> Item:
        if isinstance(item, UnreadableItem):
            return item
        return ImageFile(item, may_be_skipped=self._selection.only_images)

    def _descend(self, path: str, state: GlobState | None, folders: list[str]) -> GlobState | None:
        for name in folders:
            path = f"{path}/{name}"
            if not (state and (state := self._enter(path, name, state))):
                return None
        return state

    def _is_folder(self, path: str, entry: Entry, state: GlobState) -> bool:
        if entry.kind == "link":
            return state.follows_links and self._tree.is_folder(path)
        return entry.kind == "folder"

    def _enter(self, path: str, name: str, state: GlobState) -> GlobState | None:
        below = state.enter(name, recursive=self._selection.recursive)
        if below is None:
            return None
        self.has_matched = self.has_matched or below.takes_files
        return below if self._selection.enters(path) else None

    def _accepts(self, path: str, name: str, state: GlobState) -> bool:
        if not state.takes(name):
            return False
        self.has_matched = True
        return self._selection.accepts(path)
