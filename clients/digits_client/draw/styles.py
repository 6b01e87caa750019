"""The styles of the ttk widgets, and the images that their check boxes and sliders are made of."""

import tkinter as tk
from collections.abc import Callable
from tkinter import font, ttk

from PIL import Image, ImageDraw, ImageTk

from digits_client.look import Colors

Pixels = Callable[[float], int]
"""Returns a length in pixels of the display from one at 96 pixels per inch."""

_CHECK, _SLIDER, _TROUGH = 16, 16, 6
"""Sides of the check box and the slider, and height of the slider's trough."""
_OVERSAMPLING = 4


class StyleImages:
    """Check boxes and sliders, drawn for the palette and the display's pixels."""

    def __init__(self, root: tk.Misc, style: ttk.Style, pixels: Pixels) -> None:
        """Create the elements of the styles, without drawing them."""
        self._pixels = pixels
        side, knob = pixels(_CHECK), pixels(_SLIDER)
        # The space before the label belongs to the check box.
        self._unchecked, self._checked, self._knob, self._active_knob = (
            ImageTk.PhotoImage("RGBA", size, master=root)
            for size in 2 * [(side + pixels(5), side)] + 2 * [(knob, knob)]
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

    def draw(self, colors: Colors) -> None:
        """Draw everything in a palette."""
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
    pad = pixels(6)
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
    style.configure("TButton", background=colors.raised, width=0, padding=(pad * 1.3, pad * 0.7))
    style.configure("TButton", relief="flat", anchor="center")
    style.configure("Icon.TButton", padding=pad * 0.6)
    style.configure("Toolbutton", padding=pad * 0.6, relief="flat", background=colors.raised)
    style.configure("Tile.TButton", padding=pad * 0.6, background=colors.window)
    style.configure("Accent.TButton", background=colors.accent, foreground=colors.on_accent)
    for name in ("TButton", "TCheckbutton", "TMenubutton"):
        style.map(
            name,
            background=[("pressed", colors.pressed), ("active", colors.pressed)],
            foreground=[("disabled", colors.faint)],
        )
    style.map(
        "Toolbutton",
        background=[("selected", colors.accent), ("active", colors.pressed)],
        relief=[],
    )
    style.map(
        "Accent.TButton",
        background=[("disabled", colors.pressed), ("active", colors.faint)],
        foreground=[("disabled", colors.faint), ("active", colors.window)],
    )
    style.configure("TCheckbutton", padding=(pad / 2, pad / 2))
    style.map("TCheckbutton", background=[])
    style.configure("TEntry", padding=pad / 2)
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
    style.configure("Treeview.Heading", relief="flat", padding=(pad / 2, pad / 2))
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
