"""Filters for the files that are found below folders."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Selection:
    """Filters for what is found in folders and archives and by globs.

    A file that is named itself is taken regardless. A pattern without a slash is matched
    against the name, a pattern with one against the whole path as it is shown.
    """

    recursive: bool = True
    """True to enter the folders and archives within a folder."""

    include: tuple[str, ...] = ()
    """If not empty, a file must match one of these patterns."""

    exclude: tuple[str, ...] = ()
    """Files that match one of these patterns are skipped, and such folders not entered."""

    excluded_paths: frozenset[str] = frozenset()
    """Files and folders to skip, as absolute paths without links: the run's own outputs."""

    only_images: bool = False
    """True if a file that is found and is not an image raises NotAnImageError when it is read."""

    def accepts(self, path: str) -> bool:
        """Return whether to take a file."""
        if self.include and not _matches(path, self.include):
            return False
        return not (self.exclude and _matches(path, self.exclude))

    def enters(self, folder: str) -> bool:
        """Return whether to look for files below a folder."""
        return not (self.exclude and _matches(folder, self.exclude))


EVERYTHING = Selection()


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)
