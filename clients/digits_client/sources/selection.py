"""Which of the files that are found are meant."""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Selection:
    """What is taken of what is found below folders, archives, globs; not of what is named.

    A pattern without a slash is held against the name, one with a slash against the whole
    path as it is shown.
    """

    recursive: bool = True
    """Whether the folders and archives within a folder are entered."""

    include: tuple[str, ...] = ()
    """Patterns, one of which a file must match, if there are any."""

    exclude: tuple[str, ...] = ()
    """Patterns of files that are not taken and of folders that are not entered."""

    left_out: frozenset[str] = frozenset()
    """Files and folders, as real absolute paths, which walks and globs pass over: the
    outputs of the run itself."""

    def takes(self, path: str) -> bool:
        """Return whether a file is meant."""
        if self.include and not _matches(path, self.include):
            return False
        return not (self.exclude and _matches(path, self.exclude))

    def enters(self, folder: str) -> bool:
        """Return whether files below a folder may be meant."""
        return not (self.exclude and _matches(folder, self.exclude))


EVERYTHING = Selection()


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)
