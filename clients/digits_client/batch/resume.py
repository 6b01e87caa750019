"""Resuming an interrupted run: the rows that it wrote, and the items that remain."""

import hashlib
import itertools
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from digits_client.sources import Item

from .columns import Columns, parse_row
from .errors import UnusableFileError
from .formats import LineFormat, records
from .path_text import safe_path
from .rows import Row


def truncate_partial_record(part: Path, row_format: LineFormat, columns: Columns) -> None:
    """Remove a last record that is incomplete because the run was killed.

    Raises:
        UnusableFileError: The file has another format or other columns.
    """
    whole_bytes = 0
    with part.open("rb") as file:
        try:
            for record, values in records(row_format, file):
                names = tuple(values) or tuple(
                    record.decode("utf-8", "replace").rstrip().split(",")
                )
                if names != columns.names:
                    raise UnusableFileError(
                        f"{part} has other columns: use the same options and the same version "
                        "as the interrupted run"
                    )
                if values:
                    parse_row(values)
                whole_bytes += len(record)
        except ValueError as error:
            raise UnusableFileError(
                f"{part} does not hold {row_format} rows after byte {whole_bytes}: {error}"
            ) from error
    with part.open("rb+") as file:
        file.truncate(whole_bytes)


def read_rows(part: Path, row_format: LineFormat) -> Iterator[Row]:
    """Yield the rows of a file whose records are all complete."""
    with part.open("rb") as file:
        for _, values in records(row_format, file):
            if values:
                yield parse_row(values)


def remaining(items: Iterable[Item], done: Iterable[Row]) -> Iterator[Item]:
    """Yield the items that have no row yet.

    As long as rows and items match in order, no path is kept. From the first difference on,
    which means that files were added or removed since, each further row takes 16 bytes.
    """
    items, done = iter(items), iter(done)
    for row in done:
        item = next(items, None)
        if item is None:
            return
        if safe_path(item.path) != safe_path(row.path):
            paths = _PathCounts(itertools.chain([row.path], (row.path for row in done)))
            for candidate in itertools.chain([item], items):
                if not paths.take(candidate.path):
                    yield candidate
            return
    yield from items


class _PathCounts:
    """Counts of paths, stored by 8-byte digest. Each path can be taken as often as it occurs."""

    def __init__(self, paths: Iterable[str]) -> None:
        import numpy as np  # imported late: that takes a tenth of a second, and few runs need it

        digests = np.fromiter(map(_digest, paths), np.uint64)
        self._digests, self._counts = np.unique(digests, return_counts=True)

    def take(self, path: str) -> bool:
        """Take a path once, and return whether it was left."""
        digest = _digest(path)
        index = bisect_left(self._digests, digest)
        if index == len(self._digests) or self._digests[index] != digest:
            return False
        if self._counts[index] == 0:
            return False
        self._counts[index] -= 1
        return True


def _digest(path: str) -> int:
    encoded = safe_path(path).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big")
