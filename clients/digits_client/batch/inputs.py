"""From what stands on the command line to files, in a stable order."""

import glob
import os
from collections.abc import Iterable, Iterator

_STDIN = "-"


def files(arguments: Iterable[str], stdin: Iterable[str]) -> Iterator[str]:
    """Yield the path of each image that the arguments name.

    Args:
        arguments: Files; folders, which stand for all the files below them but the
            hidden ones, sorted by name; globs, sorted; ``-`` for a list from ``stdin``.
        stdin: Lines, each a path.

    Yields:
        Paths in the order of the arguments. One that names nothing is yielded as it is:
        reading it will say so.
    """
    for argument in arguments:
        if argument == _STDIN:
            yield from (path for line in stdin if (path := line.rstrip("\r\n")))
        elif os.path.isdir(argument):  # noqa: PTH112 - paths stay strings: there may be many
            yield from _below(argument)
        elif glob.has_magic(argument) and not os.path.lexists(argument):
            yield from _matching(argument)
        else:
            yield argument


def _matching(pattern: str) -> Iterable[str]:
    # ``**`` names a folder, and again what is below it; a file is asked about once.
    found: dict[str, None] = {}
    for path in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207
        found.update(dict.fromkeys(_below(path) if os.path.isdir(path) else (path,)))  # noqa: PTH112
    return found or (pattern,)


def _below(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield folder  # it gets a row that says why it cannot be read
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        # A link to a folder is not followed: it may lead back to here.
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        else:
            yield entry.path
