"""Tar archives, compressed or not. They are read once, from start to end."""

import bz2
import contextlib
import functools
import gzip
import io
import lzma
import tarfile
import threading
import weakref
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, BinaryIO, Final, cast

from digits_client.errors import InvalidImageError

from .files import fingerprint
from .items import NOT_A_FILE, Item, UnreadableItem, check_size, read_error

# Smaller members are kept in memory from when they are listed until they are read. Larger ones
# are located again: many may be in flight, and they may be too large to be sent.
KEPT_BYTES: Final = 1 << 20
# Going back in a compressed archive means to decompress it from the start again. This limit
# keeps nearly all that servers accept.
KEPT_COMPRESSED_BYTES: Final = 16 << 20
_LARGEST_HEADER_BYTES: Final = 1 << 24


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield the members of an archive; see ``archives.members``."""
    fingerprint(archive)  # rejects a pipe, which would block when opened
    with contextlib.closing(_OpenTar(archive)) as opened:
        for info in opened.headers():
            if not info.isdir():
                yield info.name, _member(archive, info, _content_to_keep(opened, info))


def find_member(archive: str, name: str) -> Item | None:
    """Return any member with a name, or None."""
    info = _open(archive, fingerprint(archive)).find(name)
    return _member(archive, info, None) if info and not info.isdir() else None


def _content_to_keep(opened: "_OpenTar", info: tarfile.TarInfo) -> bytes | None:
    limit_bytes = KEPT_COMPRESSED_BYTES if opened.is_compressed else KEPT_BYTES
    return opened.content(info) if info.isreg() and info.size <= limit_bytes else None


def _member(archive: str, info: tarfile.TarInfo, content: bytes | None) -> Item:
    path = f"{archive}/{info.name}"
    if not info.isreg():
        return UnreadableItem(path, NOT_A_FILE)
    if info.issparse():
        return UnreadableItem(path, "cannot be read: it is stored as a sparse file")
    return TarMember(path, archive, info.offset, info.size, content)


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar archive."""

    path: str
    _archive: str
    _offset: int
    _size_bytes: int
    _content: bytes | None

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        check_size(self._size_bytes, limit_bytes)
        if self._content is not None:
            return self._content
        try:
            opened = _open(self._archive, fingerprint(self._archive))
            with opened.lock:
                info = opened.header(self._offset)
                if (f"{self._archive}/{info.name}", info.size) != (self.path, self._size_bytes):
                    raise InvalidImageError("cannot be read: the archive has changed")
                return opened.content(info)
        except InvalidImageError:
            raise
        except Exception as error:  # noqa: BLE001 - a forged archive can raise anything in a parser
            raise read_error(error) from None


class _OpenTar:
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


@functools.lru_cache(maxsize=1)
def _open(archive: str, fingerprint: tuple[int, ...]) -> _OpenTar:
    return _OpenTar(archive)


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
