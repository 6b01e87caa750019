"""Reading one tar archive, compressed or not: headers in order, and members at any place."""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import threading
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import IO, BinaryIO, Final, cast

_LARGEST_HEADER_BYTES: Final = 1 << 24


class TarReader:
    """An open archive that can be read in order and at given offsets.

    ``lock`` must be held while several threads use it.
    """

    def __init__(self, path: str) -> None:
        self.lock = threading.Lock()
        self._file = _open_decompressed(path)
        self.is_compressed = not isinstance(self._file, io.BufferedReader)
        self.close = weakref.finalize(self, self._file.close)
        self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], _HeaderReader(self._file)))
        # The index: 16 MB for a million members.
        self._hashes = array("q")
        self._offsets = array("q")
        self._expected_index = 0
        self._last: tarfile.TarInfo | None = None

    def headers(self) -> Iterator[tarfile.TarInfo]:
        """Yield the header of each member.

        ``TarFile`` itself would keep all headers in memory, and take a broken one for the end.

        Raises:
            Exception: Of any type: the archive is truncated or damaged, or is not a tar.
        """
        offset = 0
        while True:
            try:
                yield self.header(offset)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the stub lacks it
                return
            if self._tar.offset <= offset:
                raise tarfile.ReadError("a member with a negative size")
            offset = self._tar.offset

    def header(self, offset: int) -> tarfile.TarInfo:
        """Return the header at an offset in the archive."""
        if self._last and self._last.offset == offset:
            return self._last  # reading it again would go back
        self._last = None
        self._file.seek(offset)
        try:
            self._last = tarfile.TarInfo.fromtarfile(self._tar)
            return self._last
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]  # as above
            raise tarfile.ReadError("unexpected end of data") from None

    def content(self, info: tarfile.TarInfo) -> bytes:
        """Return the content of a member."""
        self._file.seek(info.offset_data)
        content = self._file.read(info.size)
        if len(content) < info.size:
            raise tarfile.ReadError("unexpected end of data")
        return content

    def find(self, name: str) -> tarfile.TarInfo | None:
        """Return the header of a member with a name, or None."""
        with self.lock:
            if not self._offsets:
                self._build_index()
            for index in self._candidates(hash(name)):
                info = self.header(self._offsets[index])
                if info.name == name:
                    self._expected_index = index + 1
                    return info
        return None

    def find_before(self, name: str, offset: int) -> tarfile.TarInfo | None:
        """Return the header of the last member with a name before an offset, or None."""
        with self.lock:
            if not self._offsets:
                self._build_index()
            for index in self._earlier_candidates(hash(name), bisect_left(self._offsets, offset)):
                info = self.header(self._offsets[index])
                if info.name == name:
                    return info
        return None

    def _earlier_candidates(self, name_hash: int, end: int) -> Iterator[int]:
        # Backwards in growing blocks, because most files are near their links.
        block = 256
        while end > 0:
            start = max(0, end - block)
            hashes = self._hashes[start:end]
            hashes.reverse()
            position = 0
            with contextlib.suppress(ValueError):
                while True:
                    position = hashes.index(name_hash, position) + 1
                    yield end - position
            end, block = start, block * 2

    def _build_index(self) -> None:
        with contextlib.suppress(Exception):  # members before the damage can still be found
            for info in self.headers():
                self._hashes.append(hash(info.name))
                self._offsets.append(info.offset)

    def _candidates(self, name_hash: int) -> Iterator[int]:
        # Members are usually requested in order, so the search starts after the last one found.
        for start, end in ((self._expected_index, len(self._hashes)), (0, self._expected_index)):
            with contextlib.suppress(ValueError):
                while start < end:
                    start = self._hashes.index(name_hash, start, end) + 1
                    yield start - 1


def _open_decompressed(path: str) -> BinaryIO:
    # The first bytes decide, as with ``tar``. ``tarfile`` is not used for this because it stops
    # after the first of several concatenated streams, which parallel compressors write.
    with open(path, "rb") as file:  # noqa: PTH123 - paths stay strings
        magic = file.read(6)
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(path))
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(path))
    if magic.startswith((b"\xfd7zXZ", b"\x5d\x00\x00\x80")):
        return cast(BinaryIO, lzma.open(path))
    return open(path, "rb")  # noqa: PTH123 - as above; the caller closes it


class _HeaderReader:
    """The file that ``tarfile`` reads headers from, with a limit on the size of one read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.tell = file.tell
        self.seek = file.seek

    def read(self, size_bytes: int) -> bytes:
        if not 0 <= size_bytes <= _LARGEST_HEADER_BYTES:
            raise tarfile.ReadError("a header with an invalid size")
        return self._file.read(size_bytes)
