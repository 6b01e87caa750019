import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw

LIMITS = ImageLimits(max_bytes=100_000, max_pixels=10_000)


def encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def sample() -> Image.Image:
    """Return a white image, 40 pixels wide and 30 high, with a black left half."""
    image = Image.new("L", (40, 30), 255)
    image.paste(0, (0, 0, 20, 30))
    return image


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that declares a size but contains no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data)
    )


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_each_format_is_decoded_to_gray(image_format: str) -> None:
    gray = decode(encode(sample(), image_format), LIMITS).gray
    assert gray.shape == (30, 40)
    assert gray.dtype == np.uint8
    assert gray[:, :18].max() < 20
    assert gray[:, 22:].min() > 235


@pytest.mark.parametrize("image_format", ["GIF", "TIFF"])
def test_only_the_first_frame_or_page_is_decoded(image_format: str) -> None:
    blank = Image.new("L", (40, 30), 255)
    data = encode(sample(), image_format, save_all=True, append_images=[blank])
    assert decode(data, LIMITS).gray[:, :18].max() < 20


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "CMYK", "I;16", "I"])
def test_each_mode_is_converted_to_gray(mode: str) -> None:
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.asarray(sample()).astype(np.uint16) * 257)
        image = image.convert("I") if mode == "I" else image
    else:
        image = sample().convert(mode)
    gray = decode(encode(image, "TIFF"), LIMITS).gray
    assert gray[:, :20].max() == 0
    assert gray[:, 20:].min() == 255


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_become_paper_that_contrasts_with_the_ink(
    mode: str, ink: int, paper: int
) -> None:
    alpha = Image.new("L", (40, 30), 0)
    alpha.paste(255, (0, 0, 20, 30))
    image = Image.new("L", (40, 30), ink).convert(mode)
    image.putalpha(alpha)
    gray = decode(encode(image, "PNG"), LIMITS).gray
    assert np.unique(gray[:, :20]) == [ink]
    assert np.unique(gray[:, 20:]) == [paper]


def test_a_palette_with_a_transparent_color_is_decoded() -> None:
    image = sample().convert("P")
    data = encode(image, "PNG", transparency=image.getpixel((30, 5)))
    gray = decode(data, LIMITS).gray
    assert gray[:, :20].max() == 0
    assert gray[:, 20:].min() == 255


def test_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    gray = decode(encode(sample(), "JPEG", exif=exif), LIMITS).gray
    assert gray.shape == (40, 30)
    assert gray[:18].max() < 20


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello", "is not a PNG, JPEG, WebP, BMP, GIF or TIFF image"),
        (b"x" * 100_001, "has 100001 bytes; at most 100000"),
        (encode(sample(), "PPM"), "is not a PNG"),
        (encode(sample(), "ICO"), "is not a PNG"),
        (encode(sample(), "TGA"), "is not a PNG"),
        (encode(sample(), "PDF"), "is not a PNG"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is not a PNG"),
        (encode(sample(), "PNG")[:60], "is truncated or corrupt"),
        (encode(sample(), "JPEG")[:-200], "is truncated or corrupt"),
        (png_header(101, 100), "is 101 x 100 = 10100 pixels; at most 10000"),
        (png_header(60_000, 60_000), "at most 10000"),
        (png_header(12_000, 10_000), "at most 10000"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_rejected_with_the_field_and_the_limit(
    data: bytes, message: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        decode(data, LIMITS)
    assert caught.value.field == "image.encoded"
    assert message in str(caught.value)


def test_a_png_without_pixels_is_rejected() -> None:
    with pytest.raises(InvalidArgumentError, match=r"image\.encoded"):
        decode(png_header(0, 0), LIMITS)


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
def test_the_pixel_limit_applies_where_pillow_only_warns() -> None:
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(InvalidArgumentError) as caught,
    ):
        decode(png_header(12_000, 10_000), LIMITS)
    assert "is 12000 x 10000 = 120000000 pixels; at most 10000" in str(caught.value)


def test_a_fully_transparent_image_becomes_blank_paper() -> None:
    gray = decode(encode(Image.new("RGBA", (5, 4), (0, 0, 0, 0)), "PNG"), LIMITS).gray
    assert np.unique(gray) == [255]


def test_raw_pixels_are_read_row_by_row() -> None:
    gray = from_raw(3, 2, bytes(range(6)), LIMITS)
    np.testing.assert_array_equal(gray, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("width", "height", "length", "field"),
    [
        (0, 5, 0, "image.raw.width"),
        (5, 0, 0, "image.raw.height"),
        (3, 3, 8, "image.raw.data"),
        (3, 3, 10, "image.raw.data"),
        (101, 100, 10_100, "image.raw"),
    ],
)
def test_invalid_raw_pixels_are_rejected_with_the_field(
    width: int, height: int, length: int, field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        from_raw(width, height, bytes(length), LIMITS)
    assert caught.value.field == field
