"""Ink that differs from its ground in color and hardly in brightness."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_server.preprocessing import gray as gray_module
from digits_server.preprocessing.decode import ImageLimits, decode

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)
Color = tuple[int, int, int]
EQUAL_BRIGHTNESS = {
    "red on green": ((200, 60, 50), (60, 150, 60)),
    "magenta on gray": ((220, 60, 200), (120, 120, 120)),
    "blue on dark green": ((40, 60, 180), (30, 90, 30)),
    "yellow on white": ((255, 255, 0), (255, 255, 255)),
}


def stroke(ink: Color, ground: Color, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (200, 160), ground)
    image.paste(ink, (90, 30, 110, 130))
    return image.convert(mode)


def gray(image: Image.Image, image_format: str = "PNG", **options: Any) -> NDArray[np.int16]:
    content = io.BytesIO()
    image.save(content, image_format, **options)
    return decode(content.getvalue(), LIMITS).gray.astype(np.int16)


def contrast(pixels: NDArray[np.int16]) -> int:
    return abs(int(np.median(pixels[40:120, 95:105])) - int(np.median(pixels[:20])))


@pytest.mark.parametrize("colors", EQUAL_BRIGHTNESS.values(), ids=EQUAL_BRIGHTNESS)
@pytest.mark.parametrize(
    ("image_format", "mode"),
    [("PNG", "RGB"), ("PNG", "P"), ("GIF", "P"), ("JPEG", "RGB"), ("TIFF", "CMYK")],
)
def test_ink_of_the_brightness_of_its_ground_is_seen(
    image_format: str, mode: str, colors: tuple[Color, Color]
) -> None:
    ink, ground = colors
    image = stroke(ink, ground)
    image = image.quantize(8) if mode == "P" else image.convert(mode)
    assert contrast(gray(image, image_format)) >= 70


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ((0, 0, 0), (255, 255, 255)),
        ((20, 40, 160), (250, 248, 240)),
        ((200, 0, 0), (255, 255, 255)),
        ((0, 120, 0), (255, 255, 230)),
        ((255, 255, 255), (20, 60, 40)),
    ],
)
def test_luminance_stays_where_it_shows_the_ink(ink: Color, ground: Color) -> None:
    image = stroke(ink, ground)
    np.testing.assert_array_equal(gray(image), np.asarray(image.convert("L")))


def test_the_noise_of_blank_paper_is_not_looked_at_along_its_axis() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (120, 120))
    levels = np.stack((200 + noise, 180 - noise / 2, 170 + noise / 8), axis=-1)
    image = Image.fromarray(levels.astype(np.uint8))
    np.testing.assert_array_equal(gray(image), np.asarray(image.convert("L")))


def test_the_axis_holds_for_the_whole_image_and_not_for_each_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = stroke(*EQUAL_BRIGHTNESS["red on green"])
    whole = gray(image, "TIFF")
    monkeypatch.setattr(gray_module, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(gray(image, "TIFF"), whole)


def test_colors_on_a_transparent_ground_are_seen_along_the_axis() -> None:
    image = stroke(*EQUAL_BRIGHTNESS["red on green"]).convert("RGBA")
    image.paste((9, 200, 77, 0), (0, 0, 30, 30))
    pixels = gray(image)
    assert contrast(pixels) >= 100
    assert np.ptp(pixels[:80, :80]) <= 1  # the corner has the color of the ground
