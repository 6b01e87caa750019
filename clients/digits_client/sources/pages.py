"""Pages of TIFF and PDF files, each as an image.

A page has the path of its file and its number, counted from 1: ``scan.tif#2``.
"""

import functools
import re
import threading
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from digits_client.errors import InvalidImageError

from .documents import MAX_PAGES, Document, decode_page, open_document
from .image_file import ImageFile
from .items import Item, UnreadableItem
from .kinds import is_pdf, is_tiff

MAX_FILE_BYTES: Final = 128 * 2**20
"""Maximum size of a file of pages, which is read as a whole."""
# Files whose pages are read at the same time by several threads.
_OPEN_FILES: Final = 4
_PAGE: Final = re.compile(r"(.+)#([1-9][0-9]{0,3})", re.DOTALL)


class PagePath(NamedTuple):
    """The path of a file and the number of a page in it, counted from 1."""

    file: str
    number: int


def split_page(path: str) -> PagePath | None:
    """Split the path of a page; return None if it is not the path of one."""
    match = _PAGE.fullmatch(path) if "#" in path else None
    if not match or not (is_tiff(match[1]) or is_pdf(match[1])):
        return None
    return PagePath(match[1], int(match[2]))


def with_pages(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items, with each page of a PDF and of a TIFF of several pages as an item of its own."""
    for item in items:
        if isinstance(item, ImageFile) and (is_tiff(item.path) or is_pdf(item.path)):
            yield from _pages(item)
        else:
            yield item


def _pages(item: ImageFile) -> Iterator[Item]:
    try:
        with _lock:
            count = _open(cast(Hashable, item.file)).count
    except InvalidImageError as error:
        # The server has the reason for a TIFF, which may be one that only this module cannot read.
        yield item if is_tiff(item.path) else UnreadableItem(item.path, str(error))
        return
    if count > MAX_PAGES:
        yield UnreadableItem(item.path, f"has more than {MAX_PAGES:,} pages")
    elif count == 1 and is_tiff(item.path):
        yield item
    else:
        for number in range(1, count + 1):
            yield Page(item.file, number)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a file, which need not exist."""

    file: Item
    """The file as it is stored."""
    number: int

    @property
    def path(self) -> str:
        """The path of the file and the number of the page."""
        return f"{self.file.path}#{self.number}"

    def read(self, limit_bytes: int) -> bytes:
        """Return the page as a PNG file; see ``Item``."""
        from .png_encoding import to_png  # imported late, because it needs Pillow

        with _lock:
            opened = _open(cast(Hashable, self.file))
            if self.number > opened.count:
                raise InvalidImageError(f"is not in the file, which has {opened.count} pages")
            image = decode_page(opened, self.number - 1)
        return to_png(image, limit_bytes)


# A document is not thread-safe, and PDFium is not even if each thread has its own.
_lock = threading.Lock()


@functools.lru_cache(maxsize=_OPEN_FILES)
def _open(file: Any) -> Document:
    return open_document(file.path, file.read(MAX_FILE_BYTES))
