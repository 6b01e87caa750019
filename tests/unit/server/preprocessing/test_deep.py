"""Images of more than 8 bits per color."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.deep import range_in_use

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)
GRAY, RGB, GRAY_ALPHA, RGBA = 0, 2, 4, 6  # color types of PNG
# A gray ramp with ink, in 8 bits.
SHADES = np.tile(np.arange(0, 256, 3, dtype=np.uint8), (40, 1))


def tiff(pixels: NDArray[Any], mode: str | None = None) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(pixels)
    if mode:
        image = Image.frombytes(mode, image.size, pixels.tobytes())
    image.save(content, "TIFF")
    return content.getvalue()


def png(pixels: NDArray[Any], color_type: int, exif: bytes = b"") -> bytes:
    """Return a PNG with 16 bits per color. ``pixels`` are (H, W, channels)."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0),
        b"eXIf": exif,
        b"IDAT": zlib.compress(rows),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
        if data or name == b"IEND"
    )


def gray(encoded: bytes) -> NDArray[np.int16]:
    return decode(encoded, LIMITS).gray.astype(np.int16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_deep_file_looks_like_its_8_bit_version(bits: int) -> None:
    white = 2**bits - 1
    pixels = np.rint(SHADES / 255.0 * white).astype(np.uint16)
    assert np.abs(gray(tiff(pixels)) - SHADES).max() <= 1
    assert np.abs(gray(png(pixels[..., np.newaxis], GRAY)) - SHADES).max() <= 1


@pytest.mark.parametrize(("mode", "dtype"), [("I;16", "<u2"), ("I;16B", ">u2"), ("I", "i4")])
def test_the_byte_order_makes_no_difference(mode: str, dtype: str) -> None:
    pixels = np.rint(SHADES * 257.0).astype(dtype)
    assert np.abs(gray(tiff(pixels, mode)) - SHADES).max() == 0


@pytest.mark.parametrize("white", [1.0, 255.0, 65_535.0])
def test_floating_point_gray_is_scaled_by_the_range_it_uses(white: float) -> None:
    pixels = np.array([[0.0, white, white / 2, np.nan]], np.float32)
    assert gray(tiff(pixels)).tolist() == [[0, 255, 128, 0]]
    assert gray(tiff(pixels * 2 - white)).tolist() == [[0, 255, 128, 128]]


def test_a_narrow_range_is_stretched() -> None:
    pixels = (30_000 + SHADES / 255.0 * 1000).astype(np.uint16)
    assert np.abs(gray(tiff(pixels)) - SHADES).max() <= 3


@pytest.mark.parametrize("level", [0, 100, 30_000, 65_535])
def test_a_file_of_one_level_has_one_level(level: int) -> None:
    assert np.ptp(gray(tiff(np.full((20, 20), level, np.uint16)))) == 0


@pytest.mark.parametrize("sigma", [20, 60, 200])
def test_the_noise_of_a_blank_file_is_not_stretched(sigma: float) -> None:
    noise = np.random.default_rng(1).normal(30_000, sigma, (200, 200)).astype(np.uint16)
    assert np.ptp(gray(tiff(noise))) <= 9 * sigma / 257 + 1


def test_a_few_hot_pixels_do_not_make_the_others_dark() -> None:
    pixels = np.tile(SHADES.astype(np.uint16) * 16, (10, 3))
    assert pixels.size > 100_000
    pixels[::40, 0] = 65_535
    hot = gray(tiff(pixels))
    assert np.abs(hot[:, 1:].astype(int) - np.tile(SHADES, (10, 3))[:, 1:]).max() <= 1
    assert (hot[::40, 0] == 255).all()


@pytest.mark.parametrize("white", [4095, 65_535])
@pytest.mark.parametrize("color_type", [RGB, GRAY_ALPHA, RGBA])
def test_colors_of_12_bits_are_not_lost(color_type: int, white: int) -> None:
    channel = np.rint(SHADES / 255.0 * white)
    opaque = np.full_like(channel, 65_535)
    channels = {
        RGB: [channel] * 3,
        GRAY_ALPHA: [channel, opaque],
        RGBA: [channel, channel, channel, opaque],
    }[color_type]
    found = gray(png(np.stack(channels, axis=-1), color_type))
    assert np.abs(found - SHADES).max() <= 1


def test_a_deep_color_file_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    pixels = np.repeat((SHADES.astype(np.uint16) * 16)[..., np.newaxis], 3, axis=2)
    upright = gray(png(pixels, RGB, exif.tobytes().removeprefix(b"Exif\0\0")))
    assert np.abs(upright - np.rot90(SHADES, -1)).max() <= 1


def test_a_truncated_deep_color_file_is_rejected() -> None:
    content = png(np.repeat((SHADES.astype(np.uint16) * 16)[..., np.newaxis], 3, axis=2), RGB)
    with pytest.raises(InvalidArgumentError, match="truncated or corrupt"):
        decode(content[: len(content) // 2], LIMITS)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, 0], (0, 1)),
        ([0, 200], (0, 255)),
        ([0, 1000], (0, 1023)),
        ([0, 100_000], (0, 100_000)),
        ([-5, -5], (-5, -4)),
        ([40_000, 40_100], (0, 65_535)),
        ([40_000, 41_000], (40_000, 41_000)),
    ],
)
def test_the_range_in_use(levels: list[int], expected: tuple[float, float]) -> None:
    assert range_in_use(np.repeat(levels, 20)) == expected
