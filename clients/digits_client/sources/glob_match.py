"""Globs, matched folder by folder on the way down, so that no file is found twice."""

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

_ANY_FOLDERS: Final = "**"
_FOLDERS_ONLY: Final = ""  # the part after a final slash
_SPECIAL: Final = re.compile(r"[*?[]")


class Glob(NamedTuple):
    """A folder, and a pattern for the paths below it."""

    root: str
    pattern: str


def split(path: str, special: re.Pattern[str] = _SPECIAL, start: int = 0) -> Glob | None:
    """Split a glob before its first pattern part; return None if the path is not a glob.

    Args:
        path: The path.
        special: The characters that make a path a glob.
        start: The position from which to look for them.
    """
    found = special.search(path, start)
    if not found:
        return None
    root = path[: path.rfind("/", 0, found.start()) + 1]
    return Glob(root, path[len(root) :])


def escape(path: str) -> str:
    """Return the pattern that matches this path only."""
    return glob.escape(path)


@dataclass(frozen=True, slots=True)
class GlobState:
    """The progress of matching a glob in one folder.

    A folder that matches stands for the files in it, and with recursion for all below it.
    """

    parts: tuple[str, ...]
    """The pattern, split at its slashes."""

    candidates: frozenset[int]
    """The indices of the parts that a name in this folder may match; empty if none is left."""

    takes_files: bool
    """True if the folder has matched, so that all files in it are taken."""

    @property
    def follows_links(self) -> bool:
        """True if links to folders are entered.

        Not below a folder that has matched, nor with ``**``: such links may form a loop.
        """
        return bool(self.candidates) and _ANY_FOLDERS not in self.parts

    def takes(self, name: str) -> bool:
        """Return whether a file in this folder matches, or is taken with its folder."""
        if self.takes_files and not _is_hidden(name):
            return True
        return any(self._ends_with(part, name) for part in self.candidates)

    def enter(self, name: str, *, recursive: bool) -> "GlobState | None":
        """Return the state in a folder within this one, or None if nothing below can match."""
        takes_files = self.takes_files and recursive and not _is_hidden(name)
        below = _state(self.parts, self._next_candidates(name), takes_files=takes_files)
        return below if below.takes_files or below.candidates else None

    def _next_candidates(self, name: str) -> Iterable[int]:
        for index in self.candidates:
            if self.parts[index] != _ANY_FOLDERS:
                if _part_matches(self.parts[index], name):
                    yield index + 1
            elif not _is_hidden(name):
                yield index

    def _ends_with(self, index: int, name: str) -> bool:
        if self.parts[index] != _ANY_FOLDERS:
            return index + 1 == len(self.parts) and _part_matches(self.parts[index], name)
        return not _is_hidden(name) and set(self.parts[index:]) == {_ANY_FOLDERS}


WHOLE_FOLDER = GlobState((), frozenset(), takes_files=True)


def initial_state(pattern: str) -> GlobState:
    """Return the state in the folder that a pattern is relative to."""
    *folders, last = pattern.split("/")
    parts = (*(name for name in folders if name not in ("", ".")), last)
    return _state(parts, (0,), takes_files=False)


def _state(parts: tuple[str, ...], reached: Iterable[int], *, takes_files: bool) -> GlobState:
    candidates: set[int] = set()
    for index in reached:
        candidates.add(index)
        # ``**`` also matches no folder at all.
        while index < len(parts) and parts[index] == _ANY_FOLDERS:
            index += 1
            candidates.add(index)
    if len(parts) - 1 in candidates and parts[-1] == _FOLDERS_ONLY:
        candidates.add(len(parts))
    has_matched = len(parts) in candidates
    return GlobState(
        parts, frozenset(candidates - {len(parts)}), takes_files=takes_files or has_matched
    )


def _part_matches(part: str, name: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name != ".."  # archive members may contain ".." parts
