"""The names in one folder, sorted, with the memory of some of them."""

import contextlib
import heapq
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Final, Literal, NamedTuple, cast

# About 10 MB. Only the names of larger folders are sorted by way of a file.
NAMES_AT_ONCE: Final = 50_000
_BLOCK_BYTES: Final = 1 << 14

Kind = Literal["file", "folder", "link"]


class Entry(NamedTuple):
    """A name in a folder, and what bears it; a file is all that is nothing else."""

    name: str
    kind: Kind


def sorted_entries(folder: str) -> Iterator[Entry]:
    """Yield what is in a folder, by name.

    Raises:
        OSError: It cannot be listed.
        ValueError: No folder can have this path.
    """
    with contextlib.ExitStack() as stack:
        with os.scandir(folder or ".") as found:
            runs = list(_sorted_runs(map(_entry, found), stack))
        yield from heapq.merge(*runs)


def _entry(found: os.DirEntry[str]) -> Entry:
    try:
        if found.is_dir(follow_symlinks=False):
            return Entry(found.name, "folder")
        return Entry(found.name, "link" if found.is_symlink() else "file")
    except OSError:  # it is gone; reading it will say so
        return Entry(found.name, "file")


def _sorted_runs(
    entries: Iterator[Entry], stack: contextlib.ExitStack
) -> Iterator[Iterable[Entry]]:
    run = sorted(itertools.islice(entries, NAMES_AT_ONCE))
    if len(run) < NAMES_AT_ONCE:
        yield run
        return
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is in a context
    while run:
        yield _spilled(run, file)
        run = sorted(itertools.islice(entries, NAMES_AT_ONCE))


def _spilled(run: list[Entry], file: IO[bytes]) -> Iterator[Entry]:
    start = file.tell()
    # A name has neither of these two bytes.
    file.writelines(b"%b/%b\0" % (os.fsencode(name), kind.encode()) for name, kind in run)
    file.flush()
    return _read_back(file.fileno(), start, file.tell())


def _read_back(descriptor: int, start: int, end: int) -> Iterator[Entry]:
    begun = b""
    while start < end:
        block = os.pread(descriptor, min(_BLOCK_BYTES, end - start), start)
        start += len(block)
        *records, begun = (begun + block).split(b"\0")
        for record in records:
            name, _, kind = record.rpartition(b"/")
            yield Entry(os.fsdecode(name), cast(Kind, kind.decode()))
