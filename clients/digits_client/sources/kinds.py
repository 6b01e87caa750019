"""Kinds of files, by their names and by their first bytes."""

from typing import Final

_TIFF_EXTENSIONS: Final = (".tif", ".tiff")
# A file with one of these names is meant to be an image that the server reads.
_IMAGE_EXTENSIONS: Final = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"),
    *(".bmp", ".dib", ".gif"),
    *_TIFF_EXTENSIONS,
)
_HEIC_EXTENSIONS: Final = (".heic", ".heif")
_PDF_EXTENSION: Final = ".pdf"
_SVG_EXTENSIONS: Final = (".svg", ".svgz")
_UNREAD_EXTENSIONS: Final = (*_HEIC_EXTENSIONS, _PDF_EXTENSION, *_SVG_EXTENSIONS)
# What the formats that the server reads begin with.
_SIGNATURES: Final = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    *(b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"),
)
_BMP: Final = b"BM"
_BMP_RESERVED: Final = bytes(4)
_RIFF: Final = b"RIFF"
_WEBP: Final = b"WEBP"


def has_signature(content: bytes) -> bool:
    """Return whether a file begins like a PNG, JPEG, WebP, BMP, GIF or TIFF image."""
    if content.startswith(_SIGNATURES):
        return True
    if content.startswith(_RIFF):
        return content[8:12] == _WEBP
    # Two letters alone may also begin a text.
    return content.startswith(_BMP) and content[6:10] == _BMP_RESERVED


def has_image_name(path: str) -> bool:
    """Return whether a file is named as an image that the server reads."""
    return path.lower().endswith(_IMAGE_EXTENSIONS)


def is_tiff(path: str) -> bool:
    """Return whether a file is named as a TIFF."""
    return path.lower().endswith(_TIFF_EXTENSIONS)


def is_pdf(path: str) -> bool:
    """Return whether a file is named as a PDF."""
    return path.lower().endswith(_PDF_EXTENSION)


def unread_kind(path: str) -> str | None:
    """Return ``HEIC``, ``PDF`` or ``SVG`` for a file of that name, else None.

    The server reads none of them.
    """
    name = path.lower()
    if not name.endswith(_UNREAD_EXTENSIONS):
        return None
    if name.endswith(_HEIC_EXTENSIONS):
        return "HEIC"
    return "PDF" if name.endswith(_PDF_EXTENSION) else "SVG"
