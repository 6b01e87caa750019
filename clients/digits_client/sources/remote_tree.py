"""Files in remote stores: everything for which ``fsspec`` has a driver.

``fsspec`` and its drivers are imported only when a URL is used.
"""

import mimetypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from digits_client.errors import InvalidImageError

from . import glob_match
from .files import File
from .items import Item, check_content, check_size, read_error
from .scandir import Entry, Kind

_NOT_FOUND: Final = 404  # of HTTP
_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_WEB: Final = re.compile(r"https?://[^/]*", re.IGNORECASE)
# In a web address, a question mark starts the query.
_WEB_SPECIAL: Final = re.compile(r"[*[]")


def is_url(path: str) -> bool:
    """Return whether a path starts with a scheme."""
    return _URL.match(path) is not None


def split(url: str) -> glob_match.Glob | None:
    """Split a glob before its first pattern part; return None if the URL is not a glob."""
    if web := _WEB.match(url):
        return glob_match.split(url, _WEB_SPECIAL, web.end())
    scheme = _URL.match(url)
    return glob_match.split(url, start=scheme.end() if scheme else 0)


class RemoteTree:
    """The folders of all remote stores."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield the entries of a folder; see ``Tree``."""
        try:
            entries = _list_folder(folder)
        except Exception as error:  # noqa: BLE001 - each driver has its own errors
            raise _store_error(error) from None
        yield from entries

    def is_folder(self, path: str) -> bool:
        """Return whether a URL is a folder; on the web, only one that ends with a slash can be."""
        try:
            if _WEB.match(path):
                return path.endswith("/") and bool(_list_folder(path))
            if _has_image_extension(path):
                return False  # saves one request for each line of a long list
            store, inner_path = _open_store(path)
            return bool(store.info(inner_path)["type"] == "directory")
        except Exception:  # noqa: BLE001 - reading the item will report it
            return False

    def exists(self, url: str) -> bool:
        """Return whether exactly this name exists."""
        try:
            store, inner_path = _open_store(url)
            return bool(store.exists(inner_path))
        except Exception:  # noqa: BLE001 - as above
            return False

    def is_archive(self, path: str) -> bool:
        """Return False: archives are not entered over the network."""
        return False

    def item(self, path: str) -> Item:
        """Return a file as an item."""
        return RemoteFile(path)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a store, which need not exist."""

    path: str

    def read(self, limit_bytes: int) -> bytes:
        """Return the content; see ``Item``."""
        try:
            store, inner_path = _open_store(self.path)
            if "file" in store.protocol:  # a local file, which may be a pipe
                return File(inner_path).read(limit_bytes)
            with store.open(inner_path, "rb") as file:
                size_bytes = getattr(file, "size", None)
                if size_bytes is not None:
                    check_size(size_bytes, limit_bytes)
                return check_content(_read_up_to(limit_bytes + 1, file), limit_bytes)
        except Exception as error:  # noqa: BLE001 - each driver has its own errors
            raise _store_error(error) from None


def _list_folder(folder: str) -> list[Entry]:
    url = folder.rstrip("/") + "/" if _WEB.match(folder) else folder
    store, inner_path = _open_store(url)
    entries = {}
    for info in store.ls(inner_path, detail=True):
        parent, _, name = info["name"].rstrip("/").rpartition("/")
        # Web pages link to other places too, and some stores list the folder itself.
        if name and parent.strip("/") == inner_path.strip("/") and not name.startswith(("?", "#")):
            entries[name] = Entry(name, _kind(info))
    return sorted(entries.values())


def _kind(info: dict[str, Any]) -> Kind:
    if info["type"] != "directory":
        return "file"
    return "link" if info.get("islink") else "folder"


def _open_store(url: str) -> tuple[Any, str]:
    """Return the store of a URL, and the path of the file in that store.

    Raises:
        InvalidImageError: ``fsspec`` is not installed.
        Exception: Of any type: no driver exists for this store.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InvalidImageError("cannot be read: URLs need pip install 'digits[remote]'") from None
    # A cache would keep listings forever.
    store, inner_path = url_to_fs(url, use_listings_cache=False)
    return store, inner_path


def _read_up_to(size_bytes: int, file: IO[bytes]) -> bytes:
    # Over a network, a single read may return less.
    content = b""
    while len(content) < size_bytes and (block := file.read(size_bytes - len(content))):
        content += block
    return content


def _has_image_extension(url: str) -> bool:
    kind, _ = mimetypes.guess_type(url)
    return kind is not None and kind.startswith("image/")


def _store_error(error: Exception) -> InvalidImageError:
    if isinstance(error, InvalidImageError):
        return error
    cause = error.__cause__
    # The web driver raises FileNotFoundError for every failure; its cause has the real reason.
    if isinstance(cause, Exception) and type(cause).__module__.startswith("aiohttp."):
        return read_error(error if getattr(cause, "status", None) == _NOT_FOUND else cause)
    return read_error(error)
