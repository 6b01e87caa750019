"""The images that a command line names."""

import os
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


def find_items(options: Options, stdin: BinaryIO | None) -> Iterator[Item]:
    """Yield the images of the paths on the command line, then those of its lists.

    With --pages, each page of a file is an image.

    Args:
        options: The command line.
        stdin: The source of a list named ``-``; None if standard input is closed.

    Raises:
        UnusableFileError: A list cannot be read.
    """
    files = _find_files(options, stdin)
    yield from with_pages(files) if options.has_pages else files


def _find_files(options: Options, stdin: BinaryIO | None) -> Iterator[Item]:
    for path in options.paths:
        if path != STDIN:
            yield from find([path], options.selection)
        elif stdin is not None:
            yield from _of_list(options, stdin)
    for name in options.lists:
        try:
            file = Path(name).open("rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise UnusableFileError(f"cannot read {name}: {error.strerror}") from error
        with file:
            yield from _of_list(options, file)


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
        or STDIN in options.paths
        or not all(map(os.path.isfile, options.lists))
    ):
        return None
    return find_items(options, None)


def _of_list(options: Options, file: BinaryIO) -> Iterator[Item]:
    return find(read_paths(file, options.separator), options.selection, globs=False)
