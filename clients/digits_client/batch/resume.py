"""Going on where an interrupted run ended: what it has written, and what is left."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from digits_client.sources import Item

from .columns import Columns, row_of
from .errors import UnusableFileError
from .formats import LineFormat, records
from .rows import Row


def mend(part: Path, form: LineFormat, columns: Columns) -> None:
    """Cut off a last line that was torn when the run was killed.

    Raises:
        UnusableFileError: The rows are not of this format and these columns.
    """
    whole_bytes = 0
    with part.open("rb") as file:
        try:
            for record, values in records(form, file):
                if values:
                    row_of(values)
                names = tuple(values) or tuple(
                    record.decode("utf-8", "replace").rstrip().split(",")
                )
                if names != columns.names:
                    raise UnusableFileError(
                        f"{part} has other columns: go on with the options that it was begun with"
                    )
                whole_bytes += len(record)
        except ValueError as error:
            raise UnusableFileError(
                f"{part} holds no rows of {form} after {whole_bytes} bytes: {error}"
            ) from error
    with part.open("rb+") as file:
        file.truncate(whole_bytes)


def rows(part: Path, form: LineFormat) -> Iterator[Row]:
    """Yield the rows of a file that has been mended."""
    with part.open("rb") as file:
        for _, values in records(form, file):
            if values:
                yield row_of(values)


def left(items: Iterable[Item], done: Iterable[Row]) -> Iterator[Item]:
    """Yield the items that have no row yet.

    While rows and items are in step, as they are unless files came or went since, no path is
    kept; from where they differ on, sixteen bytes for each row that is left.
    """
    items, done = iter(items), iter(done)
    for row in done:
        item = next(items, None)
        if item is None:
            return
        if item.path != row.path:
            rest = _Paths(itertools.chain([row.path], (row.path for row in done)))
            for one in itertools.chain([item], items):
                if not rest.take(one.path):
                    yield one
            return
    yield from items


class _Paths:
    """Paths, each to be taken as often as it is there; kept as digests."""

    def __init__(self, paths: Iterable[str]) -> None:
        digests = np.fromiter(map(_digest, paths), np.uint64)
        self._digests, self._counts = np.unique(digests, return_counts=True)

    def take(self, path: str) -> bool:
        """Return whether the path is there, and take it once."""
        digest = np.uint64(_digest(path))
        place = int(np.searchsorted(self._digests, digest))
        if place == len(self._digests) or self._digests[place] != digest:
            return False
        if self._counts[place] == 0:
            return False
        self._counts[place] -= 1
        return True


def _digest(path: str) -> int:
    encoded = path.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")
