"""Zip archives. A member is read when its content is requested."""

import functools
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from digits_client.errors import InvalidImageError

from .files import fingerprint
from .items import NOT_A_FILE, Item, check_content, check_size, read_error

_MEMBER_MAGIC: Final = b"PK\3\4"
_ENCRYPTED: Final = 1
# The decompressors of the other methods cannot be stopped at a limit.
_BOUNDED_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield the members of an archive; see ``archives.members``."""
    opened = _open(archive, fingerprint(archive))
    for info in opened.zip.infolist():
        path = _path_inside(info)
        if not path.endswith("/"):
            yield path, _member(archive, info, opened)


def find_member(archive: str, name: str) -> Item | None:
    """Return the last member with a name, or None."""
    opened = _open(archive, fingerprint(archive))
    info = opened.find(name)
    return _member(archive, info, opened) if info and not name.endswith("/") else None


class _OpenZip:
    """An open archive. It closes when nothing refers to it, the last of its members included."""

    def __init__(self, path: str) -> None:
        self.zip = zipfile.ZipFile(path)
        self.lock = threading.Lock()
        if not self._lists_first_member():
            self.zip.close()
            raise zipfile.BadZipFile("its end is missing")
        self._with_backslashes = {
            _path_inside(info): info for info in self.zip.infolist() if "\\" in info.filename
        }

    def find(self, path: str) -> zipfile.ZipInfo | None:
        """Return the last member with a path inside the archive, or None."""
        return self.zip.NameToInfo.get(path) or self._with_backslashes.get(path)

    def _lists_first_member(self) -> bool:
        """Return whether the directory found is that of the archive.

        A directory is searched for from the end of the file. If the end is missing, that may be
        the directory of another archive that is stored in this one.
        """
        file = self.zip.fp
        assert file is not None  # noqa: S101 - open
        file.seek(0)
        starts_with_member = file.read(len(_MEMBER_MAGIC)) == _MEMBER_MAGIC
        return not starts_with_member or any(
            info.header_offset == 0 for info in self.zip.infolist()
        )


@functools.lru_cache(maxsize=1)
def _open(archive: str, fingerprint: tuple[int, ...]) -> _OpenZip:
    return _OpenZip(archive)


def _member(archive: str, info: zipfile.ZipInfo, opened: _OpenZip) -> Item:
    return ZipMember(f"{archive}/{_path_inside(info)}", info, opened)


def _path_inside(info: zipfile.ZipInfo) -> str:
    """Return the path of a member; some programs for Windows write it with backslashes."""
    return info.filename.replace("\\", "/")


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file in a zip archive."""

    path: str
    _info: zipfile.ZipInfo
    _archive: _OpenZip

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        if stat.S_IFMT(self._info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise InvalidImageError(NOT_A_FILE)
        if self._info.flag_bits & _ENCRYPTED:
            raise InvalidImageError("cannot be read: it is encrypted")
        check_size(self._info.file_size, limit_bytes)
        if self._info.compress_type not in _BOUNDED_METHODS:
            raise InvalidImageError("cannot be read: its compression is not deflate")
        try:
            # ZipFile counts its open members, but that counter is not thread-safe.
            with self._archive.lock, self._archive.zip.open(self._info) as file:
                content = file.read(limit_bytes + 1)
        except Exception as error:  # noqa: BLE001 - a forged member can raise anything in a parser
            raise read_error(error) from None
        return check_content(content, limit_bytes)
