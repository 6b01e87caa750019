"""The entries of one local folder, sorted by name."""

import os
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["file", "folder", "link"]


class Entry(NamedTuple):
    """A name in a folder. The kind is "file" for everything but folders and symbolic links."""

    name: str
    kind: Kind


def sorted_entries(folder: str) -> Iterator[Entry]:
    """Yield the entries of a folder, sorted by name.

    All names are in memory until the last one is yielded: about 75 bytes per file.

    Raises:
        OSError: The folder cannot be listed.
        ValueError: The path is not valid for a folder.
    """
    names: list[str] = []
    # Most entries are files, which therefore take no more memory than their names.
    other_kinds: dict[str, Kind] = {}
    with os.scandir(folder or ".") as found:
        for entry in found:
            names.append(entry.name)
            if (kind := _kind(entry)) != "file":
                other_kinds[entry.name] = kind
    names.sort()
    for name in names:
        yield Entry(name, other_kinds.get(name, "file"))


def _kind(entry: os.DirEntry[str]) -> Kind:
    try:
        if entry.is_dir(follow_symlinks=False):
            return "folder"
        return "link" if entry.is_symlink() else "file"
    except OSError:  # the entry is gone; reading it will report so
        return "file"
