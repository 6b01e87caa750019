"""Files of absurdly many parts are rejected; those of many honest parts are not."""

import io
import struct
import zlib

import pytest
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.structure import (
    MAX_CHUNKS,
    MAX_SCANS,
    MAX_TIFF_PAGES,
    check_scans,
    check_structure,
    webp_pixel_count,
)
from scripts import bombs

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)


def save(image_format: str, **options: object) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(content, image_format, **options)
    return content.getvalue()


def png_of_chunks(count: int) -> bytes:
    png = save("PNG")
    checksum = struct.pack(">I", zlib.crc32(b"teXt"))
    return png[:33] + (bytes(4) + b"teXt" + checksum) * (count - 3) + png[33:]


def tiff_of_pages(count: int) -> bytes:
    content = io.BytesIO()
    page = Image.new("L", (2, 2))
    page.save(content, "TIFF", save_all=True, append_images=[page] * (count - 1))
    return content.getvalue()


def jpeg_of_scans(count: int) -> bytes:
    jpeg = save("JPEG", progressive=True)
    count -= jpeg.count(b"\xff\xda") - 1
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * (count - 1) + jpeg[-2:]


@pytest.mark.parametrize(
    ("most", "too_many", "reason"),
    [
        (png_of_chunks(MAX_CHUNKS), png_of_chunks(MAX_CHUNKS + 1), "16384 chunks"),
        (tiff_of_pages(MAX_TIFF_PAGES), tiff_of_pages(MAX_TIFF_PAGES + 1), "256 pages"),
        (jpeg_of_scans(MAX_SCANS), jpeg_of_scans(MAX_SCANS + 1), "64 scans"),
    ],
)
def test_the_number_of_parts_is_limited(most: bytes, too_many: bytes, reason: str) -> None:
    assert decode(most, LIMITS).gray.shape in ((48, 64), (2, 2))

    with pytest.raises(InvalidArgumentError, match=f"has more than {reason}"):
        decode(too_many, LIMITS)


def test_a_tag_of_many_values_is_rejected_and_a_long_text_is_not() -> None:
    def with_tag(kind: int, count: int) -> bytes:
        size = count * {2: 1, 3: 2}[kind]
        return bombs.tiff({256: (4, 1, 1), 257: (4, 1, 1), 270: (kind, count, 50)}, bytes(size))

    check_structure(with_tag(2, 100_000))
    check_structure(with_tag(3, 65_536))
    with pytest.raises(InvalidArgumentError, match="values"):
        check_structure(with_tag(3, 65_537))


@pytest.mark.parametrize(
    "pages",
    [
        b"II*\0",
        b"MM\0*",
        b"II+\0\x08\0\0\0",
        b"II*\0\x08\0\0\0\xff\0",
        b"II+\0\x08\0\0\0" + b"\xff" * 8,
    ],
)
def test_a_truncated_tiff_is_left_to_the_decoder(pages: bytes) -> None:
    check_structure(pages)


def test_scans_are_weighed_by_the_pixels_that_each_of_them_decodes() -> None:
    jpeg = jpeg_of_scans(17)
    check_scans(jpeg, 2**23)
    check_scans(save("JPEG"), 2**40)
    check_scans(save("PNG"), 2**40)
    with pytest.raises(InvalidArgumentError, match="has 17 scans, too many for its size"):
        check_scans(jpeg, 2**24)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": Image.Exif()}])
def test_the_pixels_of_a_webp_are_known_before_it_is_opened(options: dict[str, object]) -> None:
    if "exif" in options:
        options["exif"][274] = 1  # type: ignore[index]
    assert webp_pixel_count(save("WEBP", **options)) == 64 * 48
    assert webp_pixel_count(save("PNG")) is None


def test_a_webp_may_have_half_as_many_pixels() -> None:
    webp = save("WEBP")
    assert decode(webp, ImageLimits(2**20, 2 * 64 * 48)).gray.shape == (48, 64)
    with pytest.raises(InvalidArgumentError, match="a WebP of 3072 pixels; at most 3071"):
        decode(webp, ImageLimits(2**20, 2 * 64 * 48 - 1))
