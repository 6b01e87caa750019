"""Tar archives, compressed or not. They are read once, from the begin to the end."""

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

from .files import version
from .items import NOT_A_FILE, Failed, Item, check_size, unreadable

# Smaller members are kept from when they come by to when they are asked for. Larger ones
# are looked for again: there may be many in flight, and they may be too large to be sent.
KEPT_BYTES: Final = 1 << 20
# To go back in a compressed archive is to begin anew: what servers accept, as a rule, is kept.
KEPT_COMPRESSED_BYTES: Final = 16 << 20
_LARGEST_HEADER_BYTES: Final = 1 << 24


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield what is in an archive; see ``archives.members``."""
    version(archive)  # refuses to open a pipe
    with contextlib.closing(_OpenTar(archive)) as opened:
        for info in opened.headers():
            if not info.isdir():
                yield info.name, _member(archive, info, _kept(opened, info))


def member(archive: str, name: str) -> Item | None:
    """Return any member with a name, or None."""
    info = _opened(archive, version(archive)).find(name)
    return _member(archive, info, None) if info and not info.isdir() else None


def _kept(opened: "_OpenTar", info: tarfile.TarInfo) -> bytes | None:
    most = KEPT_COMPRESSED_BYTES if opened.is_compressed else KEPT_BYTES
    return opened.content(info) if info.isreg() and info.size <= most else None


def _member(archive: str, info: tarfile.TarInfo, content: bytes | None) -> Item:
    path = f"{archive}/{info.name}"
    if not info.isreg():
        return Failed(path, NOT_A_FILE)
    if info.issparse():
        return Failed(path, "cannot be read: it is stored as a sparse file")
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
            opened = _opened(self._archive, version(self._archive))
            with opened.lock:
                info = opened.header(self._offset)
                if (f"{self._archive}/{info.name}", info.size) != (self.path, self._size_bytes):
                    raise InvalidImageError("cannot be read: the archive has changed")
                return opened.content(info)
        except InvalidImageError:
            raise
        except Exception as error:  # noqa: BLE001 - who knows what a made-up archive does to it
            raise unreadable(error) from None


class _OpenTar:
    """An archive to go through, and to go to places in."""

    def __init__(self, path: str) -> None:
        self.lock = threading.Lock()
        self._file = _decompressed(path)
        self.is_compressed = not isinstance(self._file, io.BufferedReader)
        self.close = weakref.finalize(self, self._file.close)
        self._tar = tarfile.TarFile(fileobj=cast(IO[bytes], _HeaderReader(self._file)))
        # By these two, a million members take 16 MB.
        self._hashes = array("q")
        self._offsets = array("q")
        self._expected = 0
        self._last: tarfile.TarInfo | None = None

    def headers(self) -> Iterator[tarfile.TarInfo]:
        """Yield the header of each member.

        ``TarFile`` keeps them all, and takes the first that is broken for the end.

        Raises:
            Exception: Of any kind: the archive ends too early, or is something else.
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
        """Return the header that is somewhere in the archive."""
        if self._last and self._last.offset == offset:
            return self._last  # to read it again would be to go back
        self._last = None
        self._file.seek(offset)
        try:
            self._last = tarfile.TarInfo.fromtarfile(self._tar)
            return self._last
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]  # as above
            raise tarfile.ReadError("unexpected end of data") from None

    def content(self, info: tarfile.TarInfo) -> bytes:
        """Return all that is in a member."""
        self._file.seek(info.offset_data)
        content = self._file.read(info.size)
        if len(content) < info.size:
            raise tarfile.ReadError("unexpected end of data")
        return content

    def find(self, name: str) -> tarfile.TarInfo | None:
        """Return the header of a member with a name, or None."""
        with self.lock:
            if not self._offsets:
                self._index()
            for index in self._candidates(hash(name)):
                info = self.header(self._offsets[index])
                if info.name == name:
                    self._expected = index + 1
                    return info
        return None

    def _index(self) -> None:
        with contextlib.suppress(Exception):  # what is before the damage can be found
            for info in self.headers():
                self._hashes.append(hash(info.name))
                self._offsets.append(info.offset)

    def _candidates(self, wanted: int) -> Iterator[int]:
        # Who asks for one after the other finds the next where the last one was.
        for begin, end in ((self._expected, len(self._hashes)), (0, self._expected)):
            with contextlib.suppress(ValueError):
                while begin < end:
                    begin = self._hashes.index(wanted, begin, end) + 1
                    yield begin - 1


@functools.lru_cache(maxsize=1)
def _opened(archive: str, version: tuple[int, ...]) -> _OpenTar:
    return _OpenTar(archive)


def _decompressed(path: str) -> BinaryIO:
    # By its begin, as ``tar`` does; not by ``tarfile``, which stops where compressed files
    # were put one behind the other, as programs that use several cores do.
    with open(path, "rb") as file:  # noqa: PTH123 - paths stay strings
        begin = file.read(6)
    if begin.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.open(path))
    if begin.startswith(b"BZh"):
        return cast(BinaryIO, bz2.open(path))
    if begin.startswith((b"\xfd7zXZ", b"\x5d\x00\x00\x80")):
        return cast(BinaryIO, lzma.open(path))
    return open(path, "rb")  # noqa: PTH123 - as above; the caller closes it


class _HeaderReader:
    """What ``tarfile`` reads headers from: as much as they say, but not anything they say."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.tell = file.tell
        self.seek = file.seek

    def read(self, size_bytes: int) -> bytes:
        if not 0 <= size_bytes <= _LARGEST_HEADER_BYTES:
            raise tarfile.ReadError("a header of an absurd size")
        return self._file.read(size_bytes)
