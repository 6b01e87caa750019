"""The one look: contrast, and the same values wherever it is used."""

import re
from itertools import product
from pathlib import Path

import pytest

from digits_client import look
from digits_client.look import DARK, LIGHT, Colors

PAGE = Path(look.__file__).parent / "web" / "page"
# WCAG 2.2 AA, for text and for graphics.
TEXT_CONTRAST = 4.5
GRAPHICS_CONTRAST = 3.0

GROUNDS = ("window", "raised", "paper")
TEXTS = ("text", "faint", "accent", "plain", "good", "unsure", "bad")
THEMES = pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])


def luminance(color: str) -> float:
    """Return the relative luminance of ``#rrggbb`` as WCAG defines it."""
    shares = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(weight * s for weight, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors, 1 to 21."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def variables(css: str) -> dict[str, str]:
    """Return the CSS variables that a part of a style sheet defines."""
    return dict(re.findall(r"(--[\w-]+): ([^;{}]+?)\s*[;}]", css))


def test_black_on_white_has_the_greatest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@THEMES
@pytest.mark.parametrize(("text", "ground"), list(product(TEXTS, GROUNDS)))
def test_text_is_readable_on_every_ground(colors: Colors, text: str, ground: str) -> None:
    assert contrast(getattr(colors, text), getattr(colors, ground)) >= TEXT_CONTRAST


@THEMES
def test_text_is_readable_on_buttons(colors: Colors) -> None:
    assert contrast(colors.text, colors.pressed) >= TEXT_CONTRAST
    assert contrast(colors.on_accent, colors.accent) >= TEXT_CONTRAST
    assert contrast(colors.ink, colors.paper) >= TEXT_CONTRAST


@THEMES
def test_a_bar_stands_out_from_its_empty_part(colors: Colors) -> None:
    assert contrast(colors.accent, colors.pressed) >= GRAPHICS_CONTRAST


@THEMES
@pytest.mark.parametrize("color", [look.ANY_ACCENT, look.ANY_UNSURE, look.ANY_GRAY])
def test_colors_for_any_ground_stand_out_in_both_themes(colors: Colors, color: str) -> None:
    assert contrast(color, colors.window) >= GRAPHICS_CONTRAST


def test_the_style_sheet_defines_every_color_in_both_themes() -> None:
    light, dark = look.style_sheet().split("@media")
    assert variables(light).items() >= look.css_variables(LIGHT).items()
    assert variables(dark) == look.css_variables(DARK)
    assert variables(light)["--small"] == "0.8125rem"


@pytest.mark.skipif(not PAGE.exists(), reason="this checkout has no web page")
def test_the_bars_of_browsers_around_the_page_have_its_colors() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    colors = re.findall(r'name="theme-color" content="(#\w+)"', html)
    assert colors == [LIGHT.window, DARK.window]
