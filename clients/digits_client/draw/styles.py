"""The styles of the ttk widgets, and the images that they are made of."""

import tkinter as tk
from collections.abc import Callable
from tkinter import font, ttk
from typing import Any

from PIL import Image, ImageDraw, ImageTk

from digits_client import look
from digits_client.look import Colors

Pixels = Callable[[float], int]
"""Returns a length in pixels of the display from one at 96 pixels per inch."""

_CHECK, _SLIDER, _TROUGH = 16, 16, 6
"""Sides of the check box and the slider, and height of the slider's trough."""
_SPACE = look.GAP * look.REM_PIXELS
"""Between check box and label."""
# Tk repeats the middle of a button's image over the button: one of a pixel a thousand times, which
# made each prediction 30 ms later.
_TILE = 48
_OVERSAMPLING = 4


class StyleImages:
    """Buttons, check boxes and sliders, drawn for the palette and the display's pixels."""

    def __init__(self, root: tk.Misc, style: ttk.Style, pixels: Pixels) -> None:
        """Create the elements of the styles, without drawing them."""
        self._pixels = pixels
        side, knob = pixels(_CHECK), pixels(_SLIDER)
        # The space before the label belongs to the check box.
        self._unchecked, self._checked, self._knob, self._active_knob = (
            ImageTk.PhotoImage("RGBA", size, master=root)
            for size in 2 * [(side + pixels(_SPACE), side)] + 2 * [(knob, knob)]
        )
        trough = pixels(_TROUGH)
        self._trough = ImageTk.PhotoImage("RGBA", (3 * trough, knob), master=root)
        style.element_create(
            "Digits.indicator", "image", str(self._unchecked), ("selected", str(self._checked))
        )
        style.layout(
            "TCheckbutton",
            [
                (
                    "Checkbutton.padding",
                    {
                        "sticky": "nswe",
                        "children": [
                            ("Digits.indicator", {"side": "left", "sticky": ""}),
                            ("Checkbutton.label", {"side": "left", "sticky": "nswe"}),
                        ],
                    },
                )
            ],
        )
        style.element_create(
            "Digits.slider", "image", str(self._knob), ("active", str(self._active_knob))
        )
        style.element_create(
            "Digits.trough", "image", str(self._trough), border=trough, sticky="ew"
        )
        style.layout(
            "Horizontal.TScale",
            [
                (
                    "Digits.trough",
                    {"sticky": "ew", "children": [("Digits.slider", {"side": "left"})]},
                )
            ],
        )

        self._radius = pixels(look.RADIUS * look.REM_PIXELS)
        self._buttons = {
            name: ImageTk.PhotoImage("RGBA", 2 * (2 * self._radius + _TILE,), master=root)
            for name in ("plain", "active", "accent", "bright", "off")
        }
        least = 2 * self._radius + 1
        plain, active, accent, bright, off = map(str, self._buttons.values())
        for element, image, *states in (
            ("Digits.button", plain, ("disabled", off), ("selected", accent), ("active", active)),
            ("Accent.button", accent, ("disabled", off), ("active", bright)),
            ("Tile.button", off, ("active", active)),
        ):
            style.element_create(
                element,
                "image",
                image,
                *states,
                border=self._radius,
                padding=0,
                sticky="nswe",
                width=least,
                height=least,
            )
        for name, element in (
            ("TButton", "Digits.button"),
            ("Toolbutton", "Digits.button"),
            ("Accent.TButton", "Accent.button"),
            ("Tile.TButton", "Tile.button"),
        ):
            label: Any = [("Button.label", {"sticky": "nswe"})]
            padding: Any = [("Button.padding", {"sticky": "nswe", "children": label})]
            style.layout(name, [(element, {"sticky": "nswe", "children": padding})])

    def draw(self, colors: Colors) -> None:
        """Draw everything in a palette."""
        self._draw_buttons(colors)
        side, knob, trough = map(self._pixels, (_CHECK, _SLIDER, _TROUGH))
        box = (0.5 / _CHECK, 0.5 / _CHECK, 1 - 0.5 / _CHECK, 1 - 0.5 / _CHECK)
        radius = 0.22
        _paste(
            self._unchecked,
            _drawn(
                (side, side), lambda d, s: _round(d, s, box, radius, colors.raised, colors.faint)
            ),
        )

        def checked(draw: ImageDraw.ImageDraw, size: tuple[int, int]) -> None:
            _round(draw, size, box, radius, colors.accent, colors.accent)
            tick = [(0.24 * size[0], 0.52 * size[1]), (0.43 * size[0], 0.71 * size[1])]
            tick.append((0.77 * size[0], 0.31 * size[1]))
            draw.line(tick, fill=colors.on_accent, width=round(0.13 * size[0]), joint="curve")

        _paste(self._checked, _drawn((side, side), checked))
        for image, fill in ((self._knob, colors.accent), (self._active_knob, colors.text)):
            image.paste(
                _drawn((knob, knob), lambda d, s, f=fill: d.ellipse((2, 2, s[0] - 3, s[1] - 3), f))  # type: ignore[misc]  # mypy infers no type for a default
            )
        top = (1 - trough / knob) / 2
        self._trough.paste(
            _drawn(
                (3 * trough, knob),
                lambda d, s: _round(d, s, (0, top, 1, 1 - top), top, colors.pressed, colors.line),
            )
        )

    def _draw_buttons(self, colors: Colors) -> None:
        fills = {
            "plain": (colors.raised, colors.line),
            "active": (colors.pressed, colors.line),
            "accent": (colors.accent, colors.accent),
            "bright": (colors.text, colors.text),
            "off": (colors.window, colors.line),
        }
        side = 2 * self._radius + _TILE
        for name, image in self._buttons.items():
            fill, outline = fills[name]

            def draw(
                draw: ImageDraw.ImageDraw, size: tuple[int, int], f: str = fill, o: str = outline
            ) -> None:
                _round(draw, size, (0, 0, 1, 1), self._radius / side, f, o)

            image.paste(_drawn((side, side), draw))


def _paste(photo: ImageTk.PhotoImage, image: Image.Image) -> None:
    """Show an image at the left of a photo."""
    whole = Image.new("RGBA", (photo.width(), photo.height()))
    whole.paste(image)
    photo.paste(whole)


def _drawn(
    size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw, tuple[int, int]], None]
) -> Image.Image:
    large = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    image = Image.new("RGBA", large)
    draw(ImageDraw.Draw(image), large)
    return image.resize(size, Image.Resampling.BOX)


def _round(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    radius: float,
    fill: str,
    outline: str,
) -> None:
    """Draw a rounded rectangle, whose sides are shares of the size."""
    left, top, right, bottom = (share * size[i % 2] for i, share in enumerate(box))
    draw.rounded_rectangle(
        (left, top, right - 1, bottom - 1), radius * size[1], fill, outline, _OVERSAMPLING
    )


def configure_styles(
    style: ttk.Style, colors: Colors, pixels: Pixels, small: font.Font, caption: font.Font
) -> None:
    """Apply a palette to all ttk widgets."""
    gap = pixels(look.GAP * look.REM_PIXELS)
    half = gap / 2
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
    style.configure("TButton", width=0, padding=(gap * 1.25, half), anchor="center")
    style.configure("Icon.TButton", padding=half)
    style.configure("Toolbutton", padding=half)
    style.configure("Tile.TButton", padding=half)
    style.configure("Accent.TButton", foreground=colors.on_accent)
    style.configure("Notice.TButton", background=colors.text)
    style.configure("TCheckbutton", padding=half)
    for name in ("TButton", "Toolbutton", "TCheckbutton", "Notice.TButton"):
        style.map(name, background=[], foreground=[("disabled", colors.faint)], relief=[])
    style.map(
        "Accent.TButton",
        foreground=[("disabled", colors.faint), ("active", colors.window)],
    )
    style.configure("TEntry", padding=half)
    style.configure("Faint.TLabel", foreground=colors.faint, font=small)
    style.configure("Small.TLabel", font=small)
    style.configure("Caption.TLabel", font=caption)
    style.configure("Notice.TFrame", background=colors.text)
    style.configure("Notice.TLabel", background=colors.text, foreground=colors.window)
    style.configure("TSeparator", background=colors.line)
    style.configure("TProgressbar", background=colors.accent, troughcolor=colors.pressed)
    style.configure(
        "Treeview",
        background=colors.raised,
        fieldbackground=colors.raised,
        foreground=colors.text,
        borderwidth=0,
    )
    selected = [("selected", colors.accent)]
    style.map("Treeview", background=selected, foreground=[("selected", colors.on_accent)])
    style.configure("Treeview.Heading", relief="flat", padding=(half + 2, half))
    style.configure("Treeview.Cell", padding=(half, 0))  # two pixels are the heading's border
    style.map("Treeview.Heading", background=[("active", colors.pressed)])
    for name in ("Vertical.TScrollbar", "Horizontal.TScrollbar"):
        style.configure(
            name,
            background=colors.pressed,
            troughcolor=colors.window,
            arrowcolor=colors.text,
            gripcount=0,
        )
        style.map(name, background=[("disabled", colors.window)])
