"""Images with transparent parts: the paper has the color that keeps the ink visible."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digits_server.preprocessing import gray as gray_module
from digits_server.preprocessing.decode import ImageLimits, decode

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**24)
INK = np.s_[60:140, 95:105]
Color = tuple[int, int, int]


def gray(image: Image.Image, image_format: str = "PNG") -> NDArray[np.uint8]:
    content = io.BytesIO()
    image.save(content, image_format, lossless=True)
    return decode(content.getvalue(), LIMITS).gray


def card(ground: Color, ink: Color | None, beneath: Color = (0, 0, 0)) -> Image.Image:
    """Return a card with rounded corners, and a stroke on it. ``beneath`` is transparent."""
    image = Image.new("RGB", (200, 200), ground)
    if ink:
        ImageDraw.Draw(image).rectangle((90, 50, 110, 150), fill=ink)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 199, 199), 40, fill=255)
    image.paste(Image.new("RGB", image.size, beneath), mask=mask.point(lambda level: 255 - level))
    image.putalpha(mask)
    return image


def is_plain_around(pixels: NDArray[np.uint8]) -> bool:
    """Return whether everything except the stroke has one level."""
    around = pixels.astype(int).copy()
    around[45:156, 85:116] = around[100, 20]
    return int(np.ptp(around)) <= 1


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("beneath", [(0, 0, 0), (255, 255, 255), (200, 10, 90)])
@pytest.mark.parametrize(
    ("ground", "ink"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((0, 0, 0), (255, 255, 255)),
        ((240, 230, 190), (30, 30, 120)),
        ((90, 90, 90), (220, 220, 220)),
    ],
)
def test_the_corners_of_a_card_take_its_color(
    ground: Color, ink: Color, beneath: Color, image_format: str
) -> None:
    pixels = gray(card(ground, ink, beneath), image_format)
    assert is_plain_around(pixels)
    assert abs(int(pixels[INK].mean()) - int(pixels[100, 20])) > 80


def test_a_card_without_ink_is_plain() -> None:
    assert np.ptp(gray(card((240, 240, 240), None))) <= 1


def test_the_corners_of_a_card_follow_its_light() -> None:
    image = card((255, 255, 255), None)
    light = np.linspace(1, 0.6, 200)[np.newaxis, :, np.newaxis]
    lit = Image.fromarray((np.asarray(image.convert("RGB")) * light).astype(np.uint8))
    lit.putalpha(image.getchannel("A"))
    pixels = gray(lit).astype(int)
    assert np.abs(pixels - pixels[100]).max() <= 3  # each row is like the middle one


def test_a_stroke_at_the_transparent_edge_stays_visible() -> None:
    image = card((255, 255, 255), (0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 95, 199, 105), fill=(0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (180, 0, 200, 200))
    pixels = gray(image)
    assert pixels[98:102, :180].max() == 0
    assert pixels[:, 180:].min() == 255


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (100, 255), (160, 0), (255, 0)])
@pytest.mark.parametrize("beneath", [0, 77, 255])
def test_ink_without_ground_is_on_paper_that_contrasts_with_it(
    ink: int, paper: int, beneath: int
) -> None:
    image = Image.new("RGBA", (200, 200), (beneath, 10, beneath, 0))
    ImageDraw.Draw(image).line((40, 40, 160, 60, 90, 170), fill=(ink, ink, ink, 255), width=20)
    pixels = gray(image)
    alpha = np.asarray(image)[..., 3]
    assert np.unique(pixels[alpha == 255]) == [ink]
    assert np.unique(pixels[alpha == 0]) == [paper]


def test_half_transparent_edges_of_a_stroke_lie_between_ink_and_paper() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    image.paste((0, 0, 0, 128), (30, 30, 60, 60))
    image.paste((0, 0, 0, 255), (40, 30, 50, 60))
    pixels = gray(image)
    assert pixels[45, 45] == 0
    assert 120 <= pixels[45, 35] <= 135
    assert pixels[5, 5] == 255


def test_a_hole_in_paper_of_one_color_is_ink() -> None:
    image = Image.new("RGBA", (200, 200), (255, 255, 255, 255))
    image.paste((255, 255, 255, 0), (90, 50, 110, 150))
    pixels = gray(image)
    assert pixels[INK].max() == 0
    assert pixels[:40].min() == 255


def test_a_transparent_image_is_blank_paper() -> None:
    pixels = gray(Image.new("RGBA", (50, 40), (0, 0, 0, 0)))
    assert np.unique(pixels) == [255]


def test_the_paper_is_the_same_in_every_band(monkeypatch: pytest.MonkeyPatch) -> None:
    image = card((240, 230, 190), (30, 30, 120))
    whole = gray(image, "TIFF")
    monkeypatch.setattr(gray_module, "_BAND_PIXELS", 1000)
    np.testing.assert_array_equal(gray(image, "TIFF"), whole)
