"""The look of the window, the web page and the reports: colors, type and spacing.

Text and what is drawn have the contrast to their grounds that WCAG 2.2 AA demands.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Colors:
    """The colors of a theme, as ``#rrggbb``."""

    window: str
    """Background of a window or a page."""
    raised: str
    """Background of buttons, menus, lists and tiles."""
    pressed: str
    """Background of a pressed button, and of the empty part of a bar."""
    line: str
    """Borders that only decorate."""
    text: str
    faint: str
    """Secondary text."""
    accent: str
    """Bars, sliders, links and selected items."""
    on_accent: str
    """Text on the accent color."""
    paper: str
    """The sheet for drawing."""
    ink: str
    """Strokes on the sheet."""
    plain: str
    """Text without a judgment."""
    good: str
    """Text and marks of what is sure or right."""
    unsure: str
    """Text and marks of what is not sure."""
    bad: str
    """Text and marks of what is wrong or failed."""


LIGHT: Final = Colors(
    window="#f4f5f7",
    raised="#ffffff",
    pressed="#dfe3ea",
    line="#c9ced8",
    text="#1c2330",
    faint="#5b6577",
    accent="#2b69d2",
    on_accent="#ffffff",
    paper="#ffffff",
    ink="#161b26",
    plain="#5b6577",
    good="#17803d",
    unsure="#a35a00",
    bad="#c02626",
)
DARK: Final = Colors(
    window="#1d2129",
    raised="#2a303b",
    pressed="#3a4250",
    line="#454e5e",
    text="#eceff4",
    faint="#a3adbd",
    accent="#6ea2f7",
    on_accent="#10141b",
    paper="#12151b",
    ink="#f2f4f8",
    plain="#a3adbd",
    good="#5fd38a",
    unsure="#f0b45b",
    bad="#ff8a80",
)

# For notebooks, whose theme is unknown: these stand out from light and from dark grounds.
ANY_ACCENT: Final = "#4287d6"
"""Bars of what is sure."""
ANY_UNSURE: Final = "#c27c1a"
"""Bars and marks of what is not sure."""
ANY_GRAY: Final = "#808a96"
"""Other bars, and borders."""
ANY_PRESSED: Final = "rgba(128,138,150,.2)"
"""The empty part of a bar."""

FONTS: Final = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "DejaVu Sans",
    "sans-serif",
)
"""Families, the preferred ones first."""

# Sizes of text, relative to that of normal text.
SMALL: Final = 0.8125
NORMAL: Final = 1.0
LARGE: Final = 1.25
HEADLINE: Final = 5.5
"""A recognized digit."""

# Lengths in rem, which are 16 pixels at 96 per inch; in notebooks, in em.
REM_PIXELS: Final = 16
GAP: Final = 0.5
"""Space between things that belong together."""
PAD: Final = 1.0
"""Space around groups of things."""
RADIUS: Final = 0.5
"""Radius of rounded corners."""


def font_families() -> str:
    """Return the families as CSS."""
    return ", ".join(f'"{name}"' if " " in name else name for name in FONTS)


def css_variables(colors: Colors) -> dict[str, str]:
    """Return the colors of a theme by the names of their CSS variables."""
    return {f"--{name.replace('_', '-')}": value for name, value in vars(colors).items()}


def style_sheet() -> str:
    """Return a style sheet that defines the look as CSS variables, light or dark as preferred."""
    sizes = {
        "--font": font_families(),
        "--small": f"{SMALL:g}rem",
        "--normal": f"{NORMAL:g}rem",
        "--large": f"{LARGE:g}rem",
        "--headline": f"{HEADLINE:g}rem",
        "--gap": f"{GAP:g}rem",
        "--pad": f"{PAD:g}rem",
        "--radius": f"{RADIUS:g}rem",
    }
    light = _rule({"color-scheme": "light dark", **css_variables(LIGHT), **sizes})
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {_rule(css_variables(DARK))} }}\n"


def _rule(values: dict[str, str]) -> str:
    return f":root {{ {'; '.join(f'{name}: {value}' for name, value in values.items())} }}"
