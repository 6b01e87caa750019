"""Globs, matched folder by folder on the way down, so that nothing is found twice."""

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

_ANY_FOLDERS: Final = "**"
_FOLDERS_ONLY: Final = ""  # what stands behind a last slash
_MAGIC: Final = re.compile(r"[*?[]")


class Glob(NamedTuple):
    """A folder, and a pattern for the paths below it."""

    root: str
    pattern: str


def split(path: str, magic: re.Pattern[str] = _MAGIC, begin: int = 0) -> Glob | None:
    """Return where to look for what a pattern names, or None if it is no pattern.

    Args:
        path: It.
        magic: The characters that make it one.
        begin: Up to here it is none.
    """
    found = magic.search(path, begin)
    if not found:
        return None
    root = path[: path.rfind("/", 0, found.start()) + 1]
    return Glob(root, path[len(root) :])


def literal(path: str) -> str:
    """Return the pattern that names one path only."""
    return glob.escape(path)


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, as a pattern sees it.

    A folder that matches stands for the files in it, and with recursion for all below it.
    """

    parts: tuple[str, ...]
    """The pattern, by its slashes."""

    due: frozenset[int]
    """The parts which a name in this folder may match. None: the pattern lies behind."""

    taken: bool
    """Whether the folder stands for the files in it."""

    @property
    def follows_links(self) -> bool:
        """Whether links to folders are entered as folders are.

        Not below what is taken, nor by ``**``: they may lead back to here.
        """
        return bool(self.due) and _ANY_FOLDERS not in self.parts

    def takes(self, name: str) -> bool:
        """Return whether a file in this folder matches, or is taken with the folder."""
        if self.taken and not _is_hidden(name):
            return True
        return any(self._ends_with(part, name) for part in self.due)

    def folder(self, name: str, *, recursive: bool) -> "Place | None":
        """Return a folder in this folder, or None if nothing below it can match."""
        taken = self.taken and recursive and not _is_hidden(name)
        below = _entered(self.parts, self._behind(name), taken=taken)
        return below if below.taken or below.due else None

    def _behind(self, name: str) -> Iterable[int]:
        for index in self.due:
            if self.parts[index] != _ANY_FOLDERS:
                if _part_matches(self.parts[index], name):
                    yield index + 1
            elif not _is_hidden(name):
                yield index

    def _ends_with(self, index: int, name: str) -> bool:
        if self.parts[index] != _ANY_FOLDERS:
            return index + 1 == len(self.parts) and _part_matches(self.parts[index], name)
        return not _is_hidden(name) and set(self.parts[index:]) == {_ANY_FOLDERS}


WHOLE_FOLDER = Place((), frozenset(), taken=True)


def start(pattern: str) -> Place:
    """Return the folder that a pattern, a path below it, begins at."""
    *folders, last = pattern.split("/")
    parts = (*(name for name in folders if name not in ("", ".")), last)
    return _entered(parts, (0,), taken=False)


def _entered(parts: tuple[str, ...], reached: Iterable[int], *, taken: bool) -> Place:
    due: set[int] = set()
    for index in reached:
        due.add(index)
        # ``**`` stands for no folder, too.
        while index < len(parts) and parts[index] == _ANY_FOLDERS:
            index += 1
            due.add(index)
    if len(parts) - 1 in due and parts[-1] == _FOLDERS_ONLY:
        due.add(len(parts))
    matched = len(parts) in due
    return Place(parts, frozenset(due - {len(parts)}), taken=taken or matched)


def _part_matches(part: str, name: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != ".."  # archives may have names with dots in them
