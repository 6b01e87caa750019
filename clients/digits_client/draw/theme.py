"""The window's colors, fonts and sizes, in a light and a dark theme, for any pixel density."""

import contextlib
import sys
import tkinter as tk
from tkinter import font, ttk
from typing import Final, Literal

import darkdetect

from digits_client import look

from .styles import StyleImages, configure_styles
from .view_model import Tone

ThemeName = Literal["light", "dark"]

_COLORS: Final[dict[ThemeName, look.Colors]] = {"light": look.LIGHT, "dark": look.DARK}
_TEXT_PIXELS: Final = 13
"""Height of normal text, at 96 pixels per inch."""
_BOX_SHARE: Final = 0.4
_NAMED_FONTS: Final = ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont")
# Headlines grow in steps, since each size is a font.
_HEADLINE_STEP: Final = 4
_LEAST_HEADLINE: Final = 8


def system_theme() -> ThemeName:
    """Return the theme of the system; light if it is unknown."""
    return "dark" if darkdetect.isDark() else "light"


def enable_dpi_awareness() -> None:
    """Let Tk do the scaling on Windows; call it before the first window. Elsewhere a no-op."""
    if sys.platform == "win32":
        import ctypes

        with contextlib.suppress(AttributeError, OSError):  # before Windows 8.1
            ctypes.windll.shcore.SetProcessDpiAwareness(1)


class Theme:
    """The appearance of one Tk application."""

    def __init__(self, root: tk.Misc, name: ThemeName, scale: float | None = None) -> None:
        """Set up fonts and styles.

        Args:
            root: The application's main window.
            name: The first palette.
            scale: Size of everything, 1 for 96 pixels per inch; None for the display's.
        """
        self._root = root
        if scale is not None:
            root.tk.call("tk", "scaling", scale * 96 / 72)
        # Tk's scaling is in pixels per point; ours is 1 at 96 pixels per inch.
        self._scale = float(root.tk.call("tk", "scaling")) * 72 / 96
        for name_of_font in _NAMED_FONTS:
            font.nametofont(name_of_font, root).configure(size=-self.pixels(_TEXT_PIXELS))
        self._family = font.nametofont("TkDefaultFont", root).actual("family")
        self._fonts: dict[tuple[int, str], font.Font] = {}
        self.small_font = self.enlarged(look.SMALL, 1)
        """The font of small labels."""
        self.bold_font = self._font(self.pixels(_TEXT_PIXELS), "bold")
        self.caption_font = self.enlarged(look.LARGE, 1)
        """The font of the line below the large digit."""
        self.style = ttk.Style(root)
        self.style.theme_use("clam")  # the only one whose colors can all be set, on every system
        self._images = StyleImages(root, self.style, self.pixels)
        self.gap = self.pixels(look.GAP * look.REM_PIXELS)
        """Space between things that belong together, in pixels of the display."""
        self.pad = self.pixels(look.PAD * look.REM_PIXELS)
        """Space around groups of things, in pixels of the display."""
        self.use(name)

    def use(self, name: ThemeName) -> None:
        """Switch to another palette; ttk widgets follow automatically."""
        self.name = name
        self.palette = _COLORS[name]
        self._root.configure(background=self.palette.window)  # type: ignore[call-arg]  # a Tk or Toplevel
        self._images.draw(self.palette)
        configure_styles(self.style, self.palette, self.pixels, self.small_font, self.caption_font)

    def tone_color(self, tone: Tone) -> str:
        """Return the color of a tone."""
        return str(getattr(self.palette, tone.value))

    @property
    def box_color(self) -> str:
        """The color of boxes over the ink."""
        accent, paper = (self._root.winfo_rgb(c) for c in (self.palette.accent, self.palette.paper))
        mixed = (
            round(a * _BOX_SHARE + p * (1 - _BOX_SHARE)) >> 8
            for a, p in zip(accent, paper, strict=True)
        )
        return "#{:02x}{:02x}{:02x}".format(*mixed)

    def color_menu(self, menu: tk.Menu) -> None:
        """Apply the palette to a menu, which is not a ttk widget."""
        colors = self.palette
        menu.configure(
            background=colors.raised,
            foreground=colors.text,
            activebackground=colors.accent,
            activeforeground=colors.on_accent,
            selectcolor=colors.text,
            relief="flat",
            borderwidth=0,
            activeborderwidth=self.gap // 4,
        )

    def pixels(self, length: float) -> int:
        """Return a length in pixels of this display, at least 1, from one at 96 pixels per inch."""
        return max(1, round(length * self._scale))

    def headline_font(self, text: str, width: int, height: int) -> font.Font:
        """Return the largest font for headlines in which a text fits into a width and a height."""
        sample = self._headline_font(100)
        width_of_sample = max(sample.measure(text), 1)
        size = 100 * min(width / width_of_sample, height / sample.metrics("linespace"))
        return self._headline_font(
            max(int(size) // _HEADLINE_STEP * _HEADLINE_STEP, _LEAST_HEADLINE)
        )

    def _headline_font(self, size: int) -> font.Font:
        return self._font(size, "bold")

    def enlarged(self, size: float, factor: float) -> font.Font:
        """Return a font for text in a part that is larger than usual.

        Args:
            size: One of the sizes of ``look``, relative to normal text.
            factor: How many times as large.
        """
        return self._font(self.pixels(_TEXT_PIXELS * size * factor), "normal")

    def _font(self, pixels: int, weight: Literal["normal", "bold"]) -> font.Font:
        # The theme has to hold it: Tk deletes a font when its Python object is freed.
        key = pixels, weight
        if key not in self._fonts:
            self._fonts[key] = font.Font(
                self._root, family=self._family, size=-pixels, weight=weight
            )
        return self._fonts[key]
