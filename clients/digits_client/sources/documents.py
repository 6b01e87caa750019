"""Files of several pages: TIFF, decoded with Pillow, and PDF, with the optional pypdfium2."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from digits_client.errors import InvalidImageError

from .kinds import is_pdf

if TYPE_CHECKING:
    from PIL import Image

MAX_PAGES: Final = 1000
"""Maximum number of pages in a file."""
MAX_PAGE_PIXELS: Final = 16_000_000
"""Maximum size of a page. A page of a PDF is rendered in a lower resolution if necessary."""
PDF_DPI: Final = 200
"""Resolution in which pages of a PDF are rendered, in dots per inch."""
_POINTS_PER_INCH: Final = 72


class Document(Protocol):
    """An open file of pages; not thread-safe."""

    count: int
    """The number of pages; MAX_PAGES + 1 if there are more than MAX_PAGES."""

    def page(self, index: int) -> "Image.Image":
        """Return a page, counted from 0, as an image of at most MAX_PAGE_PIXELS."""


def open_document(path: str, content: bytes) -> Document:
    """Return the pages of a TIFF or PDF file.

    Args:
        path: Its path, whose extension decides on the format.
        content: Its content.

    Raises:
        InvalidImageError: The file is broken, or it is a PDF and pypdfium2 is not installed.
    """
    with _decoding_errors():
        return _Pdf(content) if is_pdf(path) else _Tiff(content)


def decode_page(document: Document, index: int) -> "Image.Image":
    """Return a page, counted from 0.

    Raises:
        InvalidImageError: The page is broken, or has more than MAX_PAGE_PIXELS.
    """
    with _decoding_errors():
        return document.page(index)


@contextmanager
def _decoding_errors() -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large images, which are refused
            yield
    except InvalidImageError:
        raise
    except Exception as error:
        raise InvalidImageError("is truncated or corrupt") from error


class _Tiff:
    def __init__(self, content: bytes) -> None:
        from PIL import Image  # imported late, because few runs need it

        self._image = Image.open(io.BytesIO(content), formats=("TIFF",))
        self.count = 0
        try:
            while self.count <= MAX_PAGES:
                self._image.seek(self.count)
                self.count += 1
        except EOFError:
            pass  # the last page was the one before

    def page(self, index: int) -> "Image.Image":
        self._image.seek(index)
        pixel_count = self._image.width * self._image.height
        if pixel_count > MAX_PAGE_PIXELS:
            raise InvalidImageError(
                f"has {pixel_count:,} pixels; a page may have {MAX_PAGE_PIXELS:,}"
            )
        return self._image.copy()


class _Pdf:
    def __init__(self, content: bytes) -> None:
        try:
            import pypdfium2  # imported late, because few runs need it
        except ImportError:
            raise InvalidImageError("is a PDF, which needs pip install 'digits[pdf]'") from None
        try:
            self._document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            raise InvalidImageError("is not a PDF, is broken, or needs a password") from error
        self.count = min(len(self._document), MAX_PAGES + 1)

    def page(self, index: int) -> "Image.Image":
        page = self._document[index]
        width, height = page.get_size()
        scale = PDF_DPI / _POINTS_PER_INCH
        largest = math.sqrt(MAX_PAGE_PIXELS / max(width * height, 1))
        try:
            bitmap = page.render(scale=min(scale, largest), grayscale=True)
            image: Image.Image = bitmap.to_pil().convert("L")
            return image
        finally:
            page.close()
