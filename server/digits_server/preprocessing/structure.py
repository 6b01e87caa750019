"""Limits on the structure of an image file, checked before a decoder sees it.

Decoders spend time and memory on every scan, strip, chunk and page, also on those that take a few
bytes. A small file can therefore cost minutes. These limits are far above what cameras and
programs write.
"""

import itertools
import struct
from collections.abc import Iterator
from typing import Final

from digits_server.errors import InvalidArgumentError

# Encoders write about ten scans of a progressive JPEG, and one of each thumbnail.
MAX_SCANS: Final = 64
# Each scan is a pass over all pixels.
MAX_SCANNED_PIXELS: Final = 2**28
# A PNG of 16 MB in parts of 4 KB has 4,096 chunks. The frames of a WebP are chunks too.
MAX_CHUNKS: Final = 16_384
MAX_TIFF_PAGES: Final = 256
# A GIF of 64 MB in blocks of 255 bytes has so many. Frames that come after them are not counted.
MAX_GIF_BLOCKS: Final = 2**18
MAX_TIFF_TAGS: Final = 1024
# An image of 4096 x 4096 pixels in tiles of 16 x 16 has so many.
MAX_TIFF_VALUES: Final = 65_536

_ENCODED: Final = "image.encoded"
_SCAN: Final = b"\xff\xda"
_JPEG: Final = b"\xff\xd8"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_GIF_IMAGE: Final = b"\x2c"
_GIF_PARTS: Final = (_GIF_IMAGE, b"\x21")
# Types of tag values that are read as a whole, not one by one: bytes, text and unknown bytes.
_TIFF_TEXTS: Final = frozenset({1, 2, 6, 7})


def check_structure(encoded: bytes) -> None:
    """Check the number of parts of an image file; their content is not looked at.

    Raises:
        InvalidArgumentError: The file has more parts than any sensible one.
    """
    if encoded.startswith(_PNG):
        _check_count(_png_chunks(encoded), MAX_CHUNKS, "chunks")
    elif encoded.startswith(b"RIFF"):
        _check_count(_riff_chunks(encoded), MAX_CHUNKS, "chunks")
    elif encoded.startswith((b"II", b"MM")):
        _check_count(_tiff_pages(encoded), MAX_TIFF_PAGES, "pages")
    elif encoded.startswith(_JPEG):
        _check_count(_scans(encoded), MAX_SCANS, "scans")


def check_scans(encoded: bytes, pixel_count: int) -> None:
    """Check how often all pixels of a JPEG are decoded; files of other formats pass.

    Raises:
        InvalidArgumentError: The file has too many scans for its size.
    """
    if not encoded.startswith(_JPEG):
        return
    count = encoded.count(_SCAN)
    if count > 1 and count * pixel_count > MAX_SCANNED_PIXELS:
        raise InvalidArgumentError(_ENCODED, f"has {count} scans, too many for its size")


def count_further_pages(encoded: bytes) -> int:
    """Return the number of pages of a TIFF, or frames of a GIF, WebP or PNG, after the first.

    The parts of the file are counted, whatever it says of their number. The file has passed
    ``check_structure``, which bounds the work.
    """
    if encoded.startswith(_PNG):
        names = [encoded[at + 4 : at + 8] for at in _png_chunks(encoded)]
        if b"acTL" not in names:
            return 0
        # An image that comes before the first frame is not one of the animation.
        is_apart = b"fcTL" not in names[: names.index(b"IDAT")] if b"IDAT" in names else False
        return max(0, names.count(b"fcTL") - (not is_apart))
    if encoded.startswith(b"RIFF"):
        frames = sum(encoded[at : at + 4] == b"ANMF" for at in _riff_chunks(encoded))
    elif encoded.startswith((b"II", b"MM")):
        frames = sum(1 for _ in itertools.islice(_tiff_pages(encoded), MAX_TIFF_PAGES))
    elif encoded.startswith(b"GIF8"):
        frames = sum(1 for _ in _gif_frames(encoded))
    else:
        return 0
    return max(0, frames - 1)


def webp_pixel_count(encoded: bytes) -> int | None:
    """Return the number of pixels of a WebP, by its header; None for another file.

    Its decoder reserves the memory for all pixels as soon as it opens the file.
    """
    kind = encoded[12:16] if encoded.startswith(b"RIFF") else b""
    if kind == b"VP8X":
        width, height = (int.from_bytes(encoded[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8 ":
        width, height = (int.from_bytes(encoded[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    elif kind == b"VP8L":
        bits = int.from_bytes(encoded[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        return None
    return width * height


def _check_count(parts: Iterator[object], limit: int, name: str) -> None:
    if next(itertools.islice(parts, limit, None), None) is not None:
        raise InvalidArgumentError(_ENCODED, f"has more than {limit} {name}")


def _scans(encoded: bytes) -> Iterator[int]:
    position = encoded.find(_SCAN)
    while position >= 0:
        yield position
        position = encoded.find(_SCAN, position + len(_SCAN))


def _png_chunks(encoded: bytes) -> Iterator[int]:
    position = len(_PNG)
    while position + 8 <= len(encoded):
        yield position
        position += 12 + int.from_bytes(encoded[position : position + 4], "big")


def _riff_chunks(encoded: bytes) -> Iterator[int]:
    position = 12
    while position + 8 <= len(encoded):
        yield position
        length = int.from_bytes(encoded[position + 4 : position + 8], "little")
        position += 8 + length + length % 2


def _gif_frames(encoded: bytes) -> Iterator[int]:
    """Yield the position of each image of a GIF, up to the first thing that is neither.

    "Graphics Interchange Format, Version 89a" (CompuServe, 1990).
    """
    position, blocks = 13 + _color_table_bytes(encoded, 10), 0
    while blocks < MAX_GIF_BLOCKS and encoded[position : position + 1] in _GIF_PARTS:
        if encoded[position : position + 1] == _GIF_IMAGE:
            yield position
            position += 11 + _color_table_bytes(encoded, position + 9)
        else:
            position += 2
        while position < len(encoded) and encoded[position]:  # blocks, each after its length
            position += 1 + encoded[position]
            blocks += 1
            if blocks >= MAX_GIF_BLOCKS:
                return
        position += 1
        blocks += 1


def _color_table_bytes(encoded: bytes, flags_position: int) -> int:
    """Return the size of the color table of a GIF or of one of its images."""
    flags = int.from_bytes(encoded[flags_position : flags_position + 1])
    return 3 << (1 + (flags & 7)) if flags & 0x80 else 0


def _tiff_pages(encoded: bytes) -> Iterator[int]:
    """Yield the position of each page's directory, after a check of its tags."""
    order = "<" if encoded.startswith(b"II") else ">"
    is_big = encoded[2:4] in (b"\x2b\x00", b"\x00\x2b")
    count_format, tag_format, offset_format = (
        (f"{order}Q", f"{order}HHQQ", f"{order}Q")
        if is_big
        else (f"{order}H", f"{order}HHLL", f"{order}L")
    )
    try:
        (position,) = struct.unpack_from(offset_format, encoded, 8 if is_big else 4)
        while position:
            yield position
            (tag_count,) = struct.unpack_from(count_format, encoded, position)
            if tag_count > MAX_TIFF_TAGS:
                raise InvalidArgumentError(_ENCODED, f"has more than {MAX_TIFF_TAGS} tags")
            position += struct.calcsize(count_format)
            for _ in range(tag_count):
                _, kind, value_count, _ = struct.unpack_from(tag_format, encoded, position)
                if value_count > MAX_TIFF_VALUES and kind not in _TIFF_TEXTS:
                    raise InvalidArgumentError(
                        _ENCODED, f"has a tag of more than {MAX_TIFF_VALUES} values"
                    )
                position += struct.calcsize(tag_format)
            (position,) = struct.unpack_from(offset_format, encoded, position)
    except (struct.error, OverflowError):  # truncated, or beyond its end: the decoder reports it
        return
