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


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def sample() -> Image.Image:
    """Return a white image, 40 wide and 30 high, with a black left half."""
    image = Image.new("L", (40, 30), 255)
    image.paste(0, (0, 0, 20, 30))
    return image


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data)
    )


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_each_format_is_decoded_to_gray(form: str) -> None:
    gray = decode(encoded(sample(), form), LIMITS)
    assert gray.shape == (30, 40)
    assert gray.dtype == np.uint8
    assert gray[:, :18].max() < 20
    assert gray[:, 22:].min() > 235


@pytest.mark.parametrize("form", ["GIF", "TIFF"])
def test_only_the_first_frame_or_page_counts(form: str) -> None:
    blank = Image.new("L", (40, 30), 255)
    data = encoded(sample(), form, save_all=True, append_images=[blank])
    assert decode(data, LIMITS)[:, :18].max() < 20


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "CMYK", "I;16", "I"])
def test_each_mode_is_reduced_to_gray(mode: str) -> None:
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.asarray(sample()).astype(np.uint16) * 257)
        image = image.convert("I") if mode == "I" else image
    else:
        image = sample().convert(mode)
    gray = decode(encoded(image, "TIFF"), LIMITS)
    assert gray[:, :20].max() == 0
    assert gray[:, 20:].min() == 255


@pytest.mark.parametrize(("mode", "kind"), [("I;16", "<u2"), ("I;16B", ">u2")])
def test_16_bits_become_8_by_their_full_range_in_either_byte_order(mode: str, kind: str) -> None:
    dark = np.array([[0, 100, 255]]).astype(kind)  # as if it were 8 bits, which it is not
    image = Image.frombytes(mode, (3, 1), dark.tobytes())
    assert decode(encoded(image, "TIFF"), LIMITS).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("most", [1.0, 255.0, 65_535.0])
def test_floating_point_gray_is_reduced_by_the_range_it_uses(most: float) -> None:
    image = Image.fromarray(np.array([[0.0, most, np.nan, -most]], np.float32))
    assert decode(encoded(image, "TIFF"), LIMITS).tolist() == [[0, 255, 0, 0]]


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_the_paper_that_the_ink_needs(
    mode: str, ink: int, paper: int
) -> None:
    alpha = Image.new("L", (40, 30), 0)
    alpha.paste(255, (0, 0, 20, 30))
    image = Image.new("L", (40, 30), ink).convert(mode)
    image.putalpha(alpha)
    gray = decode(encoded(image, "PNG"), LIMITS)
    assert np.unique(gray[:, :20]) == [ink]
    assert np.unique(gray[:, 20:]) == [paper]


def test_a_palette_with_a_transparent_colour_is_understood() -> None:
    image = sample().convert("P")
    data = encoded(image, "PNG", transparency=image.getpixel((30, 5)))
    gray = decode(data, LIMITS)
    assert gray[:, :20].max() == 0
    assert gray[:, 20:].min() == 255


def test_an_exif_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter to the right
    gray = decode(encoded(sample(), "JPEG", exif=exif), LIMITS)
    assert gray.shape == (40, 30)
    assert gray[:18].max() < 20


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"hello", "is not a PNG, JPEG, WebP, BMP, GIF or TIFF image"),
        (b"x" * 100_001, "has 100001 bytes; at most 100000"),
        (encoded(sample(), "PPM"), "is not a PNG"),
        (encoded(sample(), "ICO"), "is not a PNG"),
        (encoded(sample(), "TGA"), "is not a PNG"),
        (encoded(sample(), "PDF"), "is not a PNG"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is not a PNG"),
        (encoded(sample(), "PNG")[:60], "is truncated or corrupt"),
        (encoded(sample(), "JPEG")[:-200], "is truncated or corrupt"),
        (png_header(101, 100), "is 101 x 100 = 10100 pixels; at most 10000"),
        (png_header(60_000, 60_000), "at most 10000"),
        (png_header(12_000, 10_000), "at most 10000"),
    ],
)
def test_what_cannot_be_decoded_is_refused_by_name_and_limit(data: bytes, says: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        decode(data, LIMITS)
    assert caught.value.field == "image.encoded"
    assert says in str(caught.value)


def test_a_png_of_no_pixels_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"image\.encoded"):
        decode(png_header(0, 0), LIMITS)


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
def test_the_limit_holds_where_pillow_itself_only_warns() -> None:
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(InvalidArgumentError) as caught,
    ):
        decode(png_header(12_000, 10_000), LIMITS)
    assert "is 12000 x 10000 = 120000000 pixels; at most 10000" in str(caught.value)


def test_an_image_that_is_all_transparent_is_all_paper() -> None:
    gray = decode(encoded(Image.new("RGBA", (5, 4), (0, 0, 0, 0)), "PNG"), LIMITS)
    assert np.unique(gray) == [255]


def test_raw_pixels_are_viewed_row_by_row() -> None:
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
def test_raw_pixels_that_break_a_rule_are_refused_by_field(
    width: int, height: int, length: int, field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        from_raw(width, height, bytes(length), LIMITS)
    assert caught.value.field == field
