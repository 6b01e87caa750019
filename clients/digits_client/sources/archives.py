"""Archives, which are treated as folders."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final, NamedTuple

from digits_client.errors import InvalidImageError

from .items import Item, UnreadableItem, read_error, short_reason

_ZIP: Final = ".zip"
_EXTENSIONS: Final = (
    _ZIP,
    ".tar",
    *(".tar.gz", ".tgz"),
    *(".tar.bz2", ".tbz2"),
    *(".tar.xz", ".txz"),
)

_NESTED: Final = "cannot be read: an archive in an archive is not read; extract it first"


class ArchivePath(NamedTuple):
    """The path of an archive and a path inside it, which is empty for the archive itself."""

    archive: str
    member: str


def is_archive(path: str) -> bool:
    """Return whether a path is a file with the extension of an archive."""
    return _has_extension(path) and os.path.isfile(path)  # noqa: PTH113 - paths stay strings


def split(path: str) -> ArchivePath | None:
    """Split a path after the first archive in it; return None if it contains none."""
    end = 0
    while end < len(path):
        end = path.find("/", end + 1)
        end = len(path) if end < 0 else end
        if is_archive(path[:end]):
            return ArchivePath(path[:end], path[end + 1 :])
    return None


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield the path inside and the item of each member except folders, in the archive's order.

    Nothing is extracted to disk, whatever the paths inside look like.

    Raises:
        InvalidImageError: The archive cannot be read, or not to its end. The message is meant
            to follow its path.
    """
    try:
        for path, item in _reader(archive).members(archive):
            yield path, _not_an_archive(item)
    except Exception as error:  # noqa: BLE001 - a forged archive can raise anything in a parser
        raise _archive_error(error) from None


def find_member(inside: ArchivePath) -> Item | None:
    """Return the member of an archive with exactly this path, or None."""
    try:
        found: Item | None = _reader(inside.archive).find_member(*inside)
    except Exception as error:  # noqa: BLE001 - as above
        return UnreadableItem("/".join(inside), str(_archive_error(error)))
    return found and _not_an_archive(found)


@dataclass(frozen=True, slots=True)
class NamedMember:
    """A member of an archive, which need not exist."""

    inside: ArchivePath

    @property
    def path(self) -> str:
        """The path of the archive, followed by the path inside."""
        return "/".join(self.inside)

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        member = find_member(self.inside)
        if not member:
            raise InvalidImageError("cannot be read: no such file in the archive")
        return member.read(limit_bytes)


def _has_extension(path: str) -> bool:
    return path.lower().endswith(_EXTENSIONS)


def _not_an_archive(member: Item) -> Item:
    """Return a member, or the error that says why it is not read, if it is an archive itself."""
    return UnreadableItem(member.path, _NESTED) if _has_extension(member.path) else member


def _reader(archive: str) -> ModuleType:
    """Return the module that reads an archive, imported late because most runs read none."""
    if archive.lower().endswith(_ZIP):
        from . import zips

        return zips
    from . import tars

    return tars


def _archive_error(error: Exception) -> InvalidImageError:
    if isinstance(error, InvalidImageError):
        return error
    if isinstance(error, OSError) and error.errno:
        return read_error(error)
    return InvalidImageError(f"is a damaged archive: {short_reason(error)}")
