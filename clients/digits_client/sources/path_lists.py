"""Lists of paths, such as the output of ``find``."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Final

_BLOCK_BYTES: Final = 1 << 16
# Longer than any valid path. Bounds the memory if the input is not a list at all.
_LONGEST_ENTRY_BYTES: Final = 1 << 16


def read_paths(stream: BinaryIO, separator: bytes = b"\n") -> Iterator[str]:
    r"""Yield the paths of a list as soon as they are written.

    Args:
        stream: Paths of any bytes.
        separator: The byte that ends a path. With a newline, ``\r\n`` ends one too.

    Yields:
        Each path that is not empty. The last one needs no separator.
    """
    for entry in _entries(stream, separator):
        path = entry.removesuffix(b"\r") if separator == b"\n" else entry
        if path:
            yield os.fsdecode(path)


def _entries(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    # ``read`` would wait for a full block.
    read = getattr(stream, "read1", stream.read)
    unfinished = b""
    while block := read(_BLOCK_BYTES):
        *entries, unfinished = (unfinished + block).split(separator)
        yield from entries
        unfinished = unfinished[:_LONGEST_ENTRY_BYTES]
    yield unfinished
