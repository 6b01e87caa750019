"""The items of a run, as its options name them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from digits_client.sources import Item, find, is_archive, is_url, read_paths

from .errors import UnusableFileError
from .options import Options

STDIN: Final = "-"


def items(options: Options, stdin: BinaryIO | None) -> Iterator[Item]:
    """Yield what the command line names, then what its lists name.

    Args:
        options: Of the run.
        stdin: Where ``-`` reads its list; None where standard input is closed.

    Raises:
        UnusableFileError: A list cannot be read.
    """
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


def items_again(options: Options) -> Iterator[Item] | None:
    """Return the items once more, to count them; None where that cannot be done, or costs much.

    A pipe can be read only once; to list an archive or a remote store is work.
    """
    is_costly = any(is_url(path) or is_archive(path) for path in options.paths)
    if is_costly or STDIN in options.paths or not all(map(os.path.isfile, options.lists)):
        return None
    return items(options, None)


def _of_list(options: Options, file: BinaryIO) -> Iterator[Item]:
    return find(read_paths(file, options.separator), options.selection, globs=False)
