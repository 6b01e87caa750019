"""The fast path for plain PNG files, compared with Pillow."""

import io
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.fast_png import decode_fast_png, fast_png_size

LIMITS = ImageLimits(2**20, 2**20)


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, *data_chunks: bytes, color_type: int = 0) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0))
        + b"".join(chunk(b"IDAT", data) for data in data_chunks)
        + chunk(b"IEND", b"")
    )


def encode(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


GRAY = Image.fromarray(np.arange(28 * 28, dtype=np.uint32).astype(np.uint8).reshape(28, 28))
CHANNELS = {0: 1, 2: 3, 6: 4}
"""Channels of the color types: gray, RGB and RGBA."""


def random_image(mode: str, seed: int) -> Image.Image:
    """Return an image of random colors, in RGBA with random opacity."""
    shape = (13, 17, len(mode))
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def test_a_plain_gray_png_takes_the_fast_path_and_decodes_to_the_original_pixels() -> None:
    encoded = encode(GRAY)
    assert fast_png_size(encoded) == (28, 28)
    np.testing.assert_array_equal(decode(encoded, LIMITS).gray, np.asarray(GRAY))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gray_pixels_stored_in_color_take_the_fast_path_and_stay_the_same(mode: str) -> None:
    encoded = encode(GRAY.convert(mode))
    assert fast_png_size(encoded) == (28, 28)
    np.testing.assert_array_equal(decode_fast_png(encoded), np.asarray(GRAY))
    np.testing.assert_array_equal(decode(encoded, LIMITS).gray, np.asarray(GRAY))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_become_the_luminance_that_pillow_computes(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [random_image(mode, seed) for seed in range(20)]
    almost_gray = GRAY.convert(mode)
    almost_gray.putpixel((5, 5), (9, 9, 10, 255)[: len(mode)])
    transparent = GRAY.convert("RGBA")
    transparent.putpixel((5, 5), (0, 0, 0, 254))
    files = [encode(image) for image in (*images, almost_gray, transparent)]
    assert all(map(fast_png_size, files))
    grays = [decode(encoded, LIMITS).gray for encoded in files]
    monkeypatch.setattr("digits_server.preprocessing.decode.fast_png_size", lambda _: None)
    for encoded, gray in zip(files, grays, strict=True):
        assert gray.dtype == np.uint8
        np.testing.assert_array_equal(gray, decode(encoded, LIMITS).gray)


@pytest.mark.parametrize(
    "encoded",
    [
        encode(GRAY.convert("P")),
        encode(GRAY.convert("1")),
        encode(GRAY.convert("LA")),
        encode(GRAY, transparency=3),
        encode(GRAY.convert("RGB"), transparency=(3, 3, 3)),
        encode(Image.new("I;16", (28, 28))),
        encode(GRAY, dpi=(300, 300)),
        encode(GRAY)[:-1],
        encode(GRAY) + b"\0",
        encode(GRAY).replace(b"IDAT", b"IDAX"),
        b"",
        b"GIF89a",
        png(2, 2, *[b""] * 300, zlib.compress(bytes(6))),
    ],
)
def test_any_other_image_is_left_to_pillow(encoded: bytes) -> None:
    assert fast_png_size(encoded) is None


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_damage_to_any_byte_is_detected(mode: str) -> None:
    encoded = encode(GRAY.crop((0, 0, 4, 4)).convert(mode))
    for position in range(len(encoded)):
        damaged = bytearray(encoded)
        damaged[position] ^= 0x10
        assert fast_png_size(bytes(damaged)) is None


def test_a_file_of_many_chunks_is_checked_without_copies_of_it() -> None:
    data = zlib.compress(random.Random(0).randbytes(401 * 400), 0)
    parts = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    encoded = png(400, 400, *parts)
    tracemalloc.start()
    assert fast_png_size(encoded) == (400, 400)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < len(encoded) / 10


def test_an_image_above_the_pixel_limit_is_rejected_before_it_is_decoded() -> None:
    with pytest.raises(InvalidArgumentError, match="2000 x 2000 = 4000000 pixels"):
        decode(png(2000, 2000, b"not compressed pixels"), LIMITS)


def test_a_png_that_opencv_rejects_is_decoded_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def reject(*_: object) -> None:
        raise cv2.error("too wide")

    monkeypatch.setattr(cv2, "imdecode", reject)
    np.testing.assert_array_equal(decode(encode(GRAY), LIMITS).gray, np.asarray(GRAY))


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: dict[str, Damage] = {
    "none": lambda rows, _: zlib.compress(rows),
    "cut": lambda rows, rng: zlib.compress(rows)[: rng.randrange(len(rows))],
    "short": lambda rows, rng: zlib.compress(rows[: rng.randrange(len(rows))]),
    "long": lambda rows, rng: zlib.compress(rows + rng.randbytes(9)),
    "flipped": lambda rows, rng: flip_a_bit(zlib.compress(rows), rng),
    "unknown filter": lambda rows, _: zlib.compress(b"\x07" + rows[1:]),
}


def flip_a_bit(content: bytes, rng: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("color_type", CHANNELS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_with_matching_checksums_is_rejected_or_decoded_as_by_pillow(
    damage: str, color_type: int, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(damage)
    for _ in range(60):
        width, height = rng.randint(1, 24), rng.randint(1, 24)
        row_bytes = width * CHANNELS[color_type]
        rows = b"".join(bytes([rng.randrange(5)]) + rng.randbytes(row_bytes) for _ in range(height))
        encoded = png(width, height, DAMAGES[damage](rows, rng), color_type=color_type)
        assert fast_png_size(encoded) == (width, height)
        pixels = decode_fast_png(encoded)
        if pixels is not None:
            with Image.open(io.BytesIO(encoded)) as image:
                np.testing.assert_array_equal(pixels, np.asarray(image))
    capfd.readouterr()  # drops the warnings that libpng prints
