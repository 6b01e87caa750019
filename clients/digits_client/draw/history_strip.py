"""The strip of earlier results below the sheet."""

import tkinter as tk
from collections.abc import Callable
from tkinter import ttk
from typing import Final

from PIL import Image, ImageOps, ImageTk

from .history import EarlierResult
from .theme import Theme

_ASPECT_LIMITS: Final = (0.7, 2.6)
"""Of a thumbnail: width by height."""
_PLACEHOLDER: Final = "Earlier results appear here."


class HistoryStrip(ttk.Frame):
    """Thumbnails with what was read in each, the newest first; a click brings one back.

    The mouse wheel moves the strip.
    """

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        on_choose: Callable[[EarlierResult], None],
        on_copy: Callable[[], None],
    ) -> None:
        """Create an empty strip.

        Args:
            parent: The widget that contains it.
            theme: The colors, fonts and sizes.
            on_choose: Called with the result that was clicked.
            on_copy: Called to copy all results.
        """
        super().__init__(parent)
        self._theme = theme
        self._on_choose = on_choose
        self._results: list[EarlierResult] = []
        self._photos: list[ImageTk.PhotoImage] = []
        self._canvas = tk.Canvas(self, highlightthickness=0, borderwidth=0, height=1, width=1)
        self._copy = ttk.Button(self, text="Copy all", command=on_copy, takefocus=False)
        self._canvas.grid(row=0, column=0, sticky="nsew")
        self._copy.grid(row=0, column=1, padx=(theme.gap, 0))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self._canvas.bind("<Configure>", lambda _: self._draw())
        for sequence, step in (("<Button-4>", -1), ("<Button-5>", 1)):
            self._canvas.bind(sequence, lambda _, by=step: self._scroll(by))  # type: ignore[misc]  # mypy infers no type for a default
        self._canvas.bind("<MouseWheel>", lambda event: self._scroll(-1 if event.delta > 0 else 1))
        self.apply_theme()

    def show(self, results: list[EarlierResult]) -> None:
        """Show results, the newest first."""
        self._results = results
        self._draw()
        self._canvas.xview_moveto(0)

    def apply_theme(self) -> None:
        """Redraw in the theme's colors."""
        self._canvas.configure(background=self._theme.palette.window)
        self._draw()

    def choose(self, index: int) -> None:
        """Bring back a result, 0 for the newest."""
        self._on_choose(self._results[index])

    def _scroll(self, by: int) -> None:
        self._canvas.xview_scroll(by, "units")

    def _draw(self) -> None:
        canvas, theme, colors = self._canvas, self._theme, self._theme.palette
        canvas.delete("all")
        self._photos.clear()
        gap, font = theme.gap // 2, theme.small_font
        height = canvas.winfo_height()
        side = height - font.metrics("linespace") - gap
        if side < theme.pixels(16):
            return
        self._copy.state(["!disabled" if self._results else "disabled"])
        if not self._results:
            canvas.create_text(
                *(0, height / 2), anchor="w", text=_PLACEHOLDER, font=font, fill=colors.faint
            )
        x = 0
        for index, result in enumerate(self._results):
            picture = self._thumbnail(result.thumbnail, side)
            read, sure = result.texts
            text = f"{read}  {sure}"
            width = max(picture.width, font.measure(text)) + 2 * gap
            tag = f"result{index}"
            photo = ImageTk.PhotoImage(picture, master=canvas)
            self._photos.append(photo)
            middle = x + width / 2
            canvas.create_rectangle(
                *(x, 0, x + width - 1, height - 1), fill=colors.window, width=0, tags=tag
            )
            canvas.create_image(middle, 0, anchor="n", image=photo, tags=tag)
            canvas.create_text(
                *(middle, height), anchor="s", text=text, font=font, fill=colors.text, tags=tag
            )
            canvas.tag_bind(tag, "<ButtonRelease-1>", lambda _, i=index: self.choose(i))  # type: ignore[misc]  # mypy infers no type for a default
            x += width + 2 * gap
        canvas.configure(cursor="hand2" if self._results else "")
        canvas.configure(scrollregion=(0, 0, x, height), xscrollincrement=theme.pixels(40))

    def _thumbnail(self, image: Image.Image, side: int) -> Image.Image:
        narrow, wide = _ASPECT_LIMITS
        width = round(min(max(image.width / image.height, narrow), wide) * side)
        paper = image.crop((0, 0, 1, 1)).resize((width - 2, side - 2))
        small = ImageOps.contain(image, paper.size)
        paper.paste(small, ((paper.width - small.width) // 2, (paper.height - small.height) // 2))
        return ImageOps.expand(paper, 1, self._theme.palette.line)
