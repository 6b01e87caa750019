"""Tar archives, compressed or not. They are read once, from start to end."""

import contextlib
import functools
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from digits_client.errors import InvalidImageError

from .files import fingerprint
from .items import NOT_A_FILE, Item, UnreadableItem, check_content, check_size, read_error
from .tar_reader import TarReader

# Smaller members are kept in memory from when they are listed until they are read. Larger ones
# are located again: many may be in flight, and they may be too large to be sent.
KEPT_BYTES: Final = 1 << 20
# Going back in a compressed archive means to decompress it from the start again. This limit
# keeps nearly all that servers accept.
KEPT_COMPRESSED_BYTES: Final = 16 << 20
_ENTRY_BYTES: Final = 256  # of a kept file besides its content, roughly


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield the members of an archive; see ``archives.members``."""
    fingerprint(archive)  # rejects a pipe, which would block when opened
    with contextlib.closing(TarReader(archive)) as opened:
        latest = _LatestFiles(KEPT_COMPRESSED_BYTES if opened.is_compressed else 0)
        for info in opened.headers():
            if info.islnk():
                yield info.name, _member(archive, info, latest.get(info.linkname))
            elif not info.isdir():
                content = _content_to_keep(opened, info)
                latest.add(info.name, content)
                yield info.name, _member(archive, info, content)


def find_member(archive: str, name: str) -> Item | None:
    """Return any member with a name, or None."""
    info = _open(archive, fingerprint(archive)).find(name)
    return _member(archive, info, None) if info and not info.isdir() else None


def _content_to_keep(opened: TarReader, info: tarfile.TarInfo) -> bytes | None:
    limit_bytes = KEPT_COMPRESSED_BYTES if opened.is_compressed else KEPT_BYTES
    return opened.content(info) if info.isreg() and info.size <= limit_bytes else None


def _member(archive: str, info: tarfile.TarInfo, content: bytes | None) -> Item:
    path = f"{archive}/{info.name}"
    if info.islnk():
        return HardLink(path, archive, info.offset, info.linkname, content)
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
            return check_content(self._content, limit_bytes)
        try:
            opened = _open(self._archive, fingerprint(self._archive))
            with opened.lock:
                info = opened.header(self._offset)
                if (f"{self._archive}/{info.name}", info.size) != (self.path, self._size_bytes):
                    raise InvalidImageError("cannot be read: the archive has changed")
                return check_content(opened.content(info), limit_bytes)
        except InvalidImageError:
            raise
        except Exception as error:  # noqa: BLE001 - a forged archive can raise anything in a parser
            raise read_error(error) from None


@dataclass(frozen=True, slots=True)
class HardLink:
    """Another name of a file that is stored earlier in a tar archive.

    Unless its content was kept, reading it means to go back to that file, which is slow in a
    compressed archive: it may have to be decompressed from its start.
    """

    path: str
    _archive: str
    _offset: int
    _target: str
    _content: bytes | None

    def read(self, limit_bytes: int) -> bytes:
        """Return the content of the file; see ``Item``."""
        if self._content is not None:
            check_size(len(self._content), limit_bytes)
            return check_content(self._content, limit_bytes)
        try:
            opened = _open(self._archive, fingerprint(self._archive))
            info = opened.find_before(self._target, self._offset)
            if info is None:
                raise InvalidImageError(
                    f"cannot be read: it is a link to {self._target}, which the archive does not "
                    "have before it"
                )
            return _member(self._archive, info, None).read(limit_bytes)
        except InvalidImageError:
            raise
        except Exception as error:  # noqa: BLE001 - a forged archive can raise anything in a parser
            raise read_error(error) from None


class _LatestFiles:
    """The contents of the files listed or linked last, for hard links to them."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._contents: dict[str, bytes] = {}  # the oldest first
        self._size_bytes = 0

    def get(self, name: str) -> bytes | None:
        content = self._contents.pop(name, None)
        if content is not None:
            self._contents[name] = content  # likely to be linked again
        return content

    def add(self, name: str, content: bytes | None) -> None:
        self._remove(name)  # a link means the last file of its name, kept or not
        if content is None or not self._limit_bytes:
            return
        self._contents[name] = content
        self._size_bytes += len(content) + _ENTRY_BYTES
        while self._size_bytes > self._limit_bytes:
            self._remove(next(iter(self._contents)))

    def _remove(self, name: str) -> None:
        content = self._contents.pop(name, None)
        if content is not None:
            self._size_bytes -= len(content) + _ENTRY_BYTES


@functools.lru_cache(maxsize=1)
def _open(archive: str, fingerprint: tuple[int, ...]) -> TarReader:
    return TarReader(archive)
