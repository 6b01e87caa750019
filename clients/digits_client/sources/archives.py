"""Archives, which are folders to whoever names them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from digits_client.errors import InvalidImageError

from . import tars, zips
from .items import Failed, Item, plain_reason, unreadable

_ZIP: Final = ".zip"
_ENDINGS: Final = (
    _ZIP,
    ".tar",
    *(".tar.gz", ".tgz"),
    *(".tar.bz2", ".tbz2"),
    *(".tar.xz", ".txz"),
)


class Inside(NamedTuple):
    """An archive, and the path of something in it, or nothing for the whole."""

    archive: str
    member: str


def is_archive(path: str) -> bool:
    """Return whether there is a file that is called like an archive."""
    return path.lower().endswith(_ENDINGS) and os.path.isfile(path)  # noqa: PTH113 - paths stay strings


def split(path: str) -> Inside | None:
    """Return where the archive in a path ends, or None if there is none in it."""
    end = 0
    while end < len(path):
        end = path.find("/", end + 1)
        end = len(path) if end < 0 else end
        if is_archive(path[:end]):
            return Inside(path[:end], path[end + 1 :])
    return None


def members(archive: str) -> Iterator[tuple[str, Item]]:
    """Yield all that is in an archive but the folders, by the path inside, in its own order.

    Nothing is written anywhere, whatever the paths inside look like.

    Raises:
        InvalidImageError: The archive cannot be read, or no further; the message fits
            behind its path.
    """
    try:
        yield from zips.members(archive) if _is_zip(archive) else tars.members(archive)
    except Exception as error:  # noqa: BLE001 - who knows what made-up archives do to a parser
        raise _failure(error) from None


def member(inside: Inside) -> Item | None:
    """Return what is in an archive by exactly this path, or None."""
    find = zips.member if _is_zip(inside.archive) else tars.member
    try:
        return find(*inside)
    except Exception as error:  # noqa: BLE001 - as above
        return Failed("/".join(inside), str(_failure(error)))


@dataclass(frozen=True, slots=True)
class NamedMember:
    """What is in an archive by a path, whether or not there is such a thing."""

    inside: Inside

    @property
    def path(self) -> str:
        """The path of the archive, and behind it that inside."""
        return "/".join(self.inside)

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        found = member(self.inside)
        if not found:
            raise InvalidImageError("cannot be read: no such file in the archive")
        return found.read(limit_bytes)


def _is_zip(archive: str) -> bool:
    return archive.lower().endswith(_ZIP)


def _failure(error: Exception) -> InvalidImageError:
    if isinstance(error, InvalidImageError):
        return error
    if isinstance(error, OSError) and error.errno:
        return unreadable(error)
    return InvalidImageError(f"is a damaged archive: {plain_reason(error)}")
