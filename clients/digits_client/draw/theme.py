"""The window's colors, fonts and sizes, in a light and a dark theme, for any pixel density."""

import contextlib
import sys
import tkinter as tk
from dataclasses import dataclass
from tkinter import font, ttk
from typing import Final, Literal

import darkdetect

from .view_model import Tone

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """The colors of one theme."""

    window: str
    """Background of the window."""
    raised: str
    """Background of buttons, menus and lists."""
    pressed: str
    """Background of a pressed button, and of the empty part of a bar."""
    line: str
    """Borders."""
    text: str
    faint: str
    """Secondary text."""
    accent: str
    """Bars, sliders and selected items."""
    on_accent: str
    """Text on the accent color."""
    paper: str
    ink: str
    box: str
    """Boxes over the ink."""
    tones: dict[Tone, str]


PALETTES: Final[dict[ThemeName, Palette]] = {
    "light": Palette(
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
        box="#b3cbf4",
        tones={
            Tone.PLAIN: "#5b6577",
            Tone.GOOD: "#17803d",
            Tone.UNSURE: "#a35a00",
            Tone.BAD: "#c02626",
        },
    ),
    "dark": Palette(
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
        box="#34507f",
        tones={
            Tone.PLAIN: "#a3adbd",
            Tone.GOOD: "#5fd38a",
            Tone.UNSURE: "#f0b45b",
            Tone.BAD: "#ff8a80",
        },
    ),
}

# A number has the largest font that it fits in.
_HEADLINE_POINTS: Final = (72, 48, 34, 24, 17, 12, 8)
_HEADLINE_FONT: Final = "DigitsHeadline"
_CAPTION_FONT: Final = "DigitsCaption"
_SMALL_FONT: Final = "DigitsSmall"


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
        self._fonts = self._create_fonts()
        self._headline_fonts = self._fonts[: len(_HEADLINE_POINTS)]
        self.style = ttk.Style(root)
        self.style.theme_use("clam")  # the only one whose colors can all be set, on every system
        self.use(name)

    def use(self, name: ThemeName) -> None:
        """Switch to another palette; ttk widgets follow automatically."""
        self.name = name
        self.palette = PALETTES[name]
        self._configure()

    def color_menu(self, menu: tk.Menu) -> None:
        """Apply the palette to a menu, which is not a ttk widget."""
        colors = self.palette
        menu.configure(
            background=colors.raised,
            foreground=colors.text,
            activebackground=colors.accent,
            activeforeground=colors.on_accent,
            relief="flat",
            borderwidth=0,
        )

    def pixels(self, length: float) -> int:
        """Return a length in pixels of this display, at least 1, from one at 96 pixels per inch."""
        return max(1, round(length * self._scale))

    def headline_font(self, text: str, width: int) -> str:
        """Return the name of the largest font for headlines in which a text is not too wide."""
        for headline in self._headline_fonts:
            if headline.measure(text) <= width:
                return headline.name
        return self._headline_fonts[-1].name

    @property
    def caption_font(self) -> str:
        """Name of the font of the line below the large digit."""
        return _CAPTION_FONT

    @property
    def small_font(self) -> str:
        """Name of the font of small labels."""
        return _SMALL_FONT

    def _create_fonts(self) -> list[font.Font]:
        family = font.nametofont("TkDefaultFont", self._root).actual("family")

        def create(name: str, points: int, weight: Literal["normal", "bold"]) -> font.Font:
            return font.Font(self._root, family=family, size=points, weight=weight, name=name)

        # The theme has to hold them: Tk deletes a font when its Python object is freed.
        return [
            *(create(f"{_HEADLINE_FONT}{points}", points, "bold") for points in _HEADLINE_POINTS),
            create(_CAPTION_FONT, 13, "normal"),
            create(_SMALL_FONT, 9, "normal"),
        ]

    def _configure(self) -> None:
        colors, style = self.palette, self.style
        self._root.configure(background=colors.window)  # type: ignore[call-arg]  # a Tk or Toplevel
        pad = self.pixels(6)
        style.configure(
            ".",
            background=colors.window,
            foreground=colors.text,
            fieldbackground=colors.raised,
            bordercolor=colors.line,
            lightcolor=colors.raised,
            darkcolor=colors.line,
            troughcolor=colors.pressed,
            focuscolor=colors.accent,
            insertcolor=colors.text,
            selectbackground=colors.accent,
            selectforeground=colors.on_accent,
        )
        style.configure(
            "TButton", background=colors.raised, width=0, padding=(pad * 1.5, pad), relief="flat"
        )
        style.configure("Digit.TButton", padding=(0, pad * 0.6), width=2, anchor="center")
        style.configure("Accent.TButton", background=colors.accent, foreground=colors.on_accent)
        for name in ("TButton", "TCheckbutton", "TMenubutton", "Toolbutton"):
            style.map(
                name,
                background=[("pressed", colors.pressed), ("active", colors.pressed)],
                foreground=[("disabled", colors.faint)],
            )
        style.map(
            "Accent.TButton",
            background=[("disabled", colors.pressed), ("active", colors.tones[Tone.PLAIN])],
            foreground=[("disabled", colors.faint), ("active", colors.window)],
        )
        indicator = self.pixels(12)
        style.configure(
            "TCheckbutton", indicatorsize=indicator, indicatormargin=pad, padding=pad / 2
        )
        style.map(
            "TCheckbutton",
            background=[],
            indicatorbackground=[("selected", colors.accent), ("!selected", colors.raised)],
            indicatorforeground=[("selected", colors.on_accent)],
        )
        style.configure(
            "Horizontal.TScale",
            background=colors.accent,
            lightcolor=colors.accent,
            darkcolor=colors.accent,
            bordercolor=colors.line,
            gripcount=0,
            sliderlength=self.pixels(18),
        )
        style.configure("Faint.TLabel", foreground=colors.faint, font=_SMALL_FONT)
        style.configure("Caption.TLabel", font=_CAPTION_FONT)
        style.configure("TSeparator", background=colors.line)
        style.configure(
            "Treeview",
            background=colors.raised,
            fieldbackground=colors.raised,
            foreground=colors.text,
            borderwidth=0,
        )
        style.map(
            "Treeview",
            background=[("selected", colors.accent)],
            foreground=[("selected", colors.on_accent)],
        )
        style.configure("Treeview.Heading", relief="flat", padding=(pad / 2, pad / 2))
        style.map("Treeview.Heading", background=[("active", colors.pressed)])
        style.configure(
            "Vertical.TScrollbar",
            background=colors.pressed,
            troughcolor=colors.window,
            arrowcolor=colors.text,
            gripcount=0,
        )
        style.map("Vertical.TScrollbar", background=[("disabled", colors.window)])
