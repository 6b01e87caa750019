"""Colours, fonts and sizes of the window, light and dark, on any density of pixels."""

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
    """The colours of one theme."""

    window: str
    """Behind everything."""
    raised: str
    """Of buttons and bars that stand out from the window."""
    pressed: str
    line: str
    text: str
    faint: str
    """Of text that is there for whoever looks for it."""
    accent: str
    """Of what moves: bars, a slider, what is chosen."""
    on_accent: str
    paper: str
    ink: str
    tones: dict[Tone, str]


PALETTES: Final[dict[ThemeName, Palette]] = {
    "light": Palette(
        window="#f4f5f7",
        raised="#ffffff",
        pressed="#dfe3ea",
        line="#c9ced8",
        text="#1c2330",
        faint="#5b6577",
        accent="#2f6fdb",
        on_accent="#ffffff",
        paper="#ffffff",
        ink="#161b26",
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
        tones={
            Tone.PLAIN: "#a3adbd",
            Tone.GOOD: "#5fd38a",
            Tone.UNSURE: "#f0b45b",
            Tone.BAD: "#ff8a80",
        },
    ),
}

_HEADLINE_FONT: Final = "DigitsHeadline"
_CAPTION_FONT: Final = "DigitsCaption"
_SMALL_FONT: Final = "DigitsSmall"


def system_theme() -> ThemeName:
    """Return the theme that the system is set to; light where it does not tell."""
    return "dark" if darkdetect.isDark() else "light"


def use_every_pixel() -> None:
    """Have Windows leave the scaling to Tk: before the first window, and nothing elsewhere."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.shcore.SetProcessDpiAwareness(1)


class Theme:
    """The looks of one Tk application."""

    def __init__(self, root: tk.Misc, name: ThemeName, scale: float | None = None) -> None:
        """Set up fonts and styles.

        Args:
            root: The application.
            name: With which palette to begin.
            scale: How large, 1 for 96 pixels an inch; None for what the display says.
        """
        self._root = root
        if scale is not None:
            root.tk.call("tk", "scaling", scale * 96 / 72)
        # Pixels a point; 96 pixels an inch are the usual ones.
        self._scale = float(root.tk.call("tk", "scaling")) * 72 / 96
        self._fonts = self._made_fonts()
        self.style = ttk.Style(root)
        self.style.theme_use("clam")  # the one that takes every colour, on every system
        self.use(name)

    def use(self, name: ThemeName) -> None:
        """Change to another palette; widgets of ttk follow by themselves."""
        self.name = name
        self.palette = PALETTES[name]
        self._configure()

    def colour_menu(self, menu: tk.Menu) -> None:
        """Give a menu, which is none of ttk's, the palette's colours."""
        colours = self.palette
        menu.configure(
            background=colours.raised,
            foreground=colours.text,
            activebackground=colours.accent,
            activeforeground=colours.on_accent,
            relief="flat",
            borderwidth=0,
        )

    def pixels(self, length: float) -> int:
        """Return a length that is given for 96 pixels an inch, in this display's pixels."""
        return max(1, round(length * self._scale))

    @property
    def headline_font(self) -> str:
        """The name of the font of the one large digit."""
        return _HEADLINE_FONT

    @property
    def caption_font(self) -> str:
        """The name of the font of the line below it."""
        return _CAPTION_FONT

    @property
    def small_font(self) -> str:
        """The name of the font of labels."""
        return _SMALL_FONT

    def _made_fonts(self) -> list[font.Font]:
        family = font.nametofont("TkDefaultFont", self._root).actual("family")

        def made(name: str, points: int, weight: Literal["normal", "bold"]) -> font.Font:
            return font.Font(self._root, family=family, size=points, weight=weight, name=name)

        # Kept by whoever holds the theme: a font that nobody holds is gone.
        return [
            made(_HEADLINE_FONT, 72, "bold"),
            made(_CAPTION_FONT, 13, "normal"),
            made(_SMALL_FONT, 9, "normal"),
        ]

    def _configure(self) -> None:
        colours, style = self.palette, self.style
        self._root.configure(background=colours.window)  # type: ignore[call-arg]  # a Tk or Toplevel
        pad = self.pixels(6)
        style.configure(
            ".",
            background=colours.window,
            foreground=colours.text,
            fieldbackground=colours.raised,
            bordercolor=colours.line,
            lightcolor=colours.raised,
            darkcolor=colours.line,
            troughcolor=colours.pressed,
            focuscolor=colours.accent,
            insertcolor=colours.text,
            selectbackground=colours.accent,
            selectforeground=colours.on_accent,
        )
        style.configure(
            "TButton", background=colours.raised, width=0, padding=(pad * 1.5, pad), relief="flat"
        )
        style.configure("Digit.TButton", padding=(0, pad * 0.6), width=2, anchor="center")
        style.configure("Accent.TButton", background=colours.accent, foreground=colours.on_accent)
        for name in ("TButton", "TCheckbutton", "TMenubutton", "Toolbutton"):
            style.map(
                name,
                background=[("pressed", colours.pressed), ("active", colours.pressed)],
                foreground=[("disabled", colours.faint)],
            )
        style.map(
            "Accent.TButton",
            background=[("disabled", colours.pressed), ("active", colours.tones[Tone.PLAIN])],
            foreground=[("disabled", colours.faint), ("active", colours.window)],
        )
        indicator = self.pixels(12)
        style.configure(
            "TCheckbutton", indicatorsize=indicator, indicatormargin=pad, padding=pad / 2
        )
        style.map(
            "TCheckbutton",
            background=[],
            indicatorbackground=[("selected", colours.accent), ("!selected", colours.raised)],
            indicatorforeground=[("selected", colours.on_accent)],
        )
        style.configure(
            "Horizontal.TScale",
            background=colours.accent,
            lightcolor=colours.accent,
            darkcolor=colours.accent,
            bordercolor=colours.line,
            gripcount=0,
            sliderlength=self.pixels(18),
        )
        style.configure("Faint.TLabel", foreground=colours.faint, font=_SMALL_FONT)
        style.configure("Headline.TLabel", font=_HEADLINE_FONT)
        style.configure("Caption.TLabel", font=_CAPTION_FONT)
        style.configure("TSeparator", background=colours.line)
        style.configure(
            "Treeview",
            background=colours.raised,
            fieldbackground=colours.raised,
            foreground=colours.text,
            borderwidth=0,
        )
        style.map(
            "Treeview",
            background=[("selected", colours.accent)],
            foreground=[("selected", colours.on_accent)],
        )
        style.configure("Treeview.Heading", relief="flat", padding=(pad / 2, pad / 2))
        style.map("Treeview.Heading", background=[("active", colours.pressed)])
        style.configure(
            "Vertical.TScrollbar",
            background=colours.pressed,
            troughcolor=colours.window,
            arrowcolor=colours.text,
            gripcount=0,
        )
        style.map("Vertical.TScrollbar", background=[("disabled", colours.window)])
