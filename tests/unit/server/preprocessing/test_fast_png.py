"""The short way to the pixels of a plain PNG, beside Pillow's."""

import io
import random
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.fast_png import plain_size, read_plain

LIMITS = ImageLimits(2**20, 2**20)


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png(width: int, height: int, *pieces: bytes, kind: bytes = b"\x08\0\0\0\0") -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">II", width, height) + kind)
        + b"".join(chunk(b"IDAT", piece) for piece in pieces)
        + chunk(b"IEND", b"")
    )


def saved(image: Image.Image, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **how)
    return out.getvalue()


GRAY = Image.fromarray(np.arange(28 * 28, dtype=np.uint32).astype(np.uint8).reshape(28, 28))


def test_a_gray_png_goes_the_short_way_and_is_what_was_saved() -> None:
    encoded = saved(GRAY)
    assert plain_size(encoded) == (28, 28)
    np.testing.assert_array_equal(decode(encoded, LIMITS), np.asarray(GRAY))


@pytest.mark.parametrize(
    "encoded",
    [
        saved(GRAY.convert("RGB")),
        saved(GRAY.convert("P")),
        saved(GRAY.convert("1")),
        saved(GRAY.convert("LA")),
        saved(GRAY, transparency=3),
        saved(GRAY, dpi=(300, 300)),
        saved(GRAY)[:-1],
        saved(GRAY) + b"\0",
        saved(GRAY).replace(b"IDAT", b"IDAX"),
        b"",
        b"GIF89a",
        png(2, 2, *[b""] * 300, zlib.compress(bytes(6))),
    ],
)
def test_all_else_is_left_to_pillow(encoded: bytes) -> None:
    assert plain_size(encoded) is None


def test_each_byte_that_is_damaged_is_noticed() -> None:
    encoded = saved(GRAY.crop((0, 0, 4, 4)))
    for at in range(len(encoded)):
        damaged = bytearray(encoded)
        damaged[at] ^= 0x10
        assert plain_size(bytes(damaged)) is None


def test_a_size_past_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidArgumentError, match="2000 x 2000 = 4000000 pixels"):
        decode(png(2000, 2000, b"nothing"), LIMITS)


def test_what_opencv_will_not_take_goes_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise cv2.error("too wide")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    np.testing.assert_array_equal(decode(saved(GRAY), LIMITS), np.asarray(GRAY))


Damage = Callable[[bytes, random.Random], bytes]
DAMAGES: dict[str, Damage] = {
    "none": lambda rows, _: zlib.compress(rows),
    "cut": lambda rows, chance: zlib.compress(rows)[: chance.randrange(len(rows))],
    "short": lambda rows, chance: zlib.compress(rows[: chance.randrange(len(rows))]),
    "long": lambda rows, chance: zlib.compress(rows + chance.randbytes(9)),
    "flipped": lambda rows, chance: _flipped(zlib.compress(rows), chance),
    "no such filter": lambda rows, _: zlib.compress(b"\x07" + rows[1:]),
}


def _flipped(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_with_fitting_checksums_is_never_read_otherwise_than_by_pillow(
    damage: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(damage)
    for _ in range(60):
        width, height = chance.randint(1, 24), chance.randint(1, 24)
        rows = b"".join(
            bytes([chance.randrange(5)]) + chance.randbytes(width) for _ in range(height)
        )
        encoded = png(width, height, DAMAGES[damage](rows, chance))
        assert plain_size(encoded) == (width, height)
        pixels = read_plain(encoded)
        if pixels is not None:
            with Image.open(io.BytesIO(encoded)) as image:
                np.testing.assert_array_equal(pixels, np.asarray(image))
    capfd.readouterr()  # libpng says what it finds
