"""Files in remote stores: whatever ``fsspec`` has a driver for.

It and its drivers are imported only when a URL is asked for.
"""

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import IO, Any, Final

from digits_client.errors import InvalidImageError

from . import patterns
from .files import File
from .items import Item, check_read, check_size, unreadable
from .scandir import Entry, Kind

_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WEB: Final = re.compile(r"https?://[^/]*", re.IGNORECASE)
# A question mark has another meaning there.
_WEB_MAGIC: Final = re.compile(r"[*[]")


def is_url(path: str) -> bool:
    """Return whether a path begins with a scheme."""
    return _URL.match(path) is not None


def split(url: str) -> patterns.Glob | None:
    """Return where to look for what a pattern names, or None if it is no pattern."""
    if web := _WEB.match(url):
        return patterns.split(url, _WEB_MAGIC, web.end())
    scheme = _URL.match(url)
    return patterns.split(url, begin=scheme.end() if scheme else 0)


class Store:
    """The folders of all stores, as a tree to walk."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield what is in a folder; see ``Tree``."""
        try:
            entries = _entries(folder)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise _failure(error) from None
        yield from entries

    def is_folder(self, path: str) -> bool:
        """Return whether a URL names a folder; on the web, one with a slash at its end may."""
        try:
            if _WEB.match(path):
                return path.endswith("/") and bool(_entries(path))
            if _is_called_an_image(path):
                return False  # not worth a request for each line of a long list
            system, inner = _opened(path)
            return bool(system.info(inner)["type"] == "directory")
        except Exception:  # noqa: BLE001 - reading it will say so
            return False

    def exists(self, url: str) -> bool:
        """Return whether there is something with this very name."""
        try:
            system, inner = _opened(url)
            return bool(system.exists(inner))
        except Exception:  # noqa: BLE001 - as above
            return False

    def is_archive(self, path: str) -> bool:
        """Return False: archives are not entered over the network."""
        return False

    def item(self, path: str) -> Item:
        """Return a file."""
        return RemoteFile(path)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a store, whether or not there is one."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        try:
            system, inner = _opened(self.path)
            if "file" in system.protocol:  # this machine, where there are pipes
                return File(inner).read(limit_bytes)
            with system.open(inner, "rb") as file:
                size_bytes = getattr(file, "size", None)
                if size_bytes is not None:
                    check_size(size_bytes, limit_bytes)
                return check_read(_up_to(limit_bytes + 1, file), limit_bytes)
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise _failure(error) from None


def _entries(folder: str) -> list[Entry]:
    url = folder.rstrip("/") + "/" if _WEB.match(folder) else folder
    system, inner = _opened(url)
    found = {}
    for info in system.ls(inner, detail=True):
        above, _, name = info["name"].rstrip("/").rpartition("/")
        # Web pages link to anything, and some stores list the folder itself.
        if name and above.strip("/") == inner.strip("/") and not name.startswith(("?", "#")):
            found[name] = Entry(name, _kind(info))
    return sorted(found.values())


def _kind(info: dict[str, Any]) -> Kind:
    if info["type"] != "directory":
        return "file"
    return "link" if info.get("islink") else "folder"


def _opened(url: str) -> tuple[Any, str]:
    """Return the store of a URL, and what it calls the file.

    Raises:
        InvalidImageError: ``fsspec`` is not installed.
        Exception: Of any kind: it has no driver for this store.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InvalidImageError("cannot be read: pip install 'digits[remote]' is needed") from None
    # Listings would be kept for ever.
    system, inner = url_to_fs(url, use_listings_cache=False)
    return system, inner


def _up_to(size_bytes: int, file: IO[bytes]) -> bytes:
    # Over a network, a read may return less.
    content = b""
    while len(content) < size_bytes and (block := file.read(size_bytes - len(content))):
        content += block
    return content


def _is_called_an_image(url: str) -> bool:
    kind, _ = mimetypes.guess_type(url)
    return kind is not None and kind.startswith("image/")


def _failure(error: Exception) -> InvalidImageError:
    if isinstance(error, InvalidImageError):
        return error
    cause = error.__cause__
    # Of the web, all that fails is called missing.
    if isinstance(cause, Exception) and type(cause).__module__.startswith("aiohttp."):
        return unreadable(
            error if getattr(cause, "status", None) == HTTPStatus.NOT_FOUND else cause
        )
    return unreadable(error)
