"""The images that a command line names."""

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from digits_client.sources import (
    Item,
    find,
    is_archive,
    is_url,
    missing_reason,
    read_paths,
    with_pages,
)

from .errors import NothingToDoError, UnusableFileError
from .options import Options
from .wording import counted

STDIN: Final = "-"


def find_items(options: Options) -> Iterator[Item]:
    """Yield the images of the paths on the command line, then those of its lists.

    With --pages, each page of a file is an image.

    Args:
        options: The command line.

    Raises:
        UnusableFileError: A list cannot be read.
    """
    files = _find_files(options)
    yield from with_pages(files) if options.has_pages else files


def _find_files(options: Options) -> Iterator[Item]:
    for path in options.paths:
        if path != STDIN:
            yield from find([path], options.selection)
        else:
            yield from _find_in_list(options, STDIN)
    for name in options.lists:
        yield from _find_in_list(options, name)


def _find_in_list(options: Options, name: str) -> Iterator[Item]:
    return find(_read_list(name, options.separator), options.selection, globs=False)


def _read_list(name: str, separator: bytes) -> Iterator[str]:
    try:
        with _open_list(name) as file:
            yield from read_paths(file, separator)
    except OSError as error:
        raise _unusable(name, error) from error


def _open_list(name: str) -> BinaryIO:
    if name != STDIN:
        return Path(name).open("rb")
    # Without a buffer: at exit, the interpreter would wait for the lock of the buffer, which a
    # thread holds while it reads.
    return io.FileIO(sys.stdin.fileno(), closefd=False)


def _unusable(name: str, error: OSError) -> UnusableFileError:
    shown = "standard input" if name == STDIN else name
    return UnusableFileError(f"cannot read {shown}: {error.strerror}")


def check_lists(options: Options) -> None:
    """Check that each list can be opened, before any image is sent.

    Raises:
        UnusableFileError: One cannot; it is named.
    """
    for name in options.lists:
        try:
            if not Path(name).is_fifo():  # a pipe can be opened only once
                _open_list(name).close()
        except OSError as error:
            raise _unusable(name, error) from error


def check_paths(options: Options) -> None:
    """Check that each path on the command line names a file, before any is sent.

    Raises:
        NothingToDoError: A path does not exist, a glob has no match, or a folder or an archive
            is empty. The first one is named.
    """
    reasons = (
        (path, missing_reason(path, options.selection)) for path in options.paths if path != STDIN
    )
    found = [f"{path or repr(path)} {reason}" for path, reason in reasons if reason]
    if found:
        more = len(found) - 1
        rest = (
            f", and {counted(more, 'more path names', 'more paths name')} no file" if more else ""
        )
        raise NothingToDoError(found[0] + rest)


def find_items_again(options: Options) -> Iterator[Item] | None:
    """Return the same images once more, to count them; None if that is costly or impossible.

    A pipe can be read only once, and listing an archive, a remote store or pages is slow.
    """
    is_costly = any(is_url(path) or is_archive(path) for path in options.paths)
    if (
        is_costly
        or options.has_pages
        or STDIN in (*options.paths, *options.lists)
        or not all(map(os.path.isfile, options.lists))
    ):
        return None
    return find_items(options)
