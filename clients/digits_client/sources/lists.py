"""Paths from a list, such as what ``find`` prints."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Final

_BLOCK_BYTES: Final = 1 << 16
# More than any path may have. Of what is no list at all, no more is kept.
_LONGEST_ENTRY_BYTES: Final = 1 << 16


def listed(stream: BinaryIO, separator: bytes = b"\n") -> Iterator[str]:
    r"""Yield the paths of a list, while it is still being written.

    Args:
        stream: Entries of any bytes.
        separator: What ends an entry. With a newline, ``\r\n`` does too.

    Yields:
        Each entry that is not empty, the last one also when nothing ends it.
    """
    for entry in _entries(stream, separator):
        path = entry.removesuffix(b"\r") if separator == b"\n" else entry
        if path:
            yield os.fsdecode(path)


def _entries(stream: BinaryIO, separator: bytes) -> Iterator[bytes]:
    # ``read`` would wait until a whole block is there.
    read = getattr(stream, "read1", stream.read)
    begun = b""
    while block := read(_BLOCK_BYTES):
        *entries, begun = (begun + block).split(separator)
        yield from entries
        begun = begun[:_LONGEST_ENTRY_BYTES]
    yield begun
