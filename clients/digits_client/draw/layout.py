"""The places of the window's parts, for any size of the window. Does not use Tk."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from digits_client import look

_GAP: Final = look.GAP * look.REM_PIXELS
MIN_SIZE: Final = (520, 420)
"""Width and height of the smallest window, in pixels at 96 per inch. A window manager counts the
menus as a part of it."""
PREFERRED_SIZE: Final = (960, 620)
"""Width and height of a new window on a large enough screen."""
# Of the screen, for the first window: the rest is for its title, menus and the system's bars.
_SCREEN_SHARE: Final = (0.96, 0.84)

_PANEL_WIDTH: Final = 208
_PANEL_SHARE: Final = 0.28
_TALL_PANEL: Final = 420
"""Height above which the panel's texts grow, if it is wide enough."""
_MAX_FACTOR: Final = 3.0
_HISTORY_HEIGHT: Final = 76
_THIN_HISTORY_HEIGHT: Final = 48
_THIN_BELOW: Final = 520
# Rows of bars: one for each digit, and one for what is not a digit.
BAR_COUNT: Final = 11

Pixels = Callable[[float], int]
"""Returns a length in pixels of the display from one at 96 pixels per inch."""


class Rect(NamedTuple):
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int


class WindowLayout(NamedTuple):
    """The places of the parts; None for those that are hidden."""

    sheet: Rect
    """The area for the sheet, which has its own proportions."""
    panel: Rect
    history: Rect | None
    toolbar: Rect | None
    status: Rect | None


def first_size(screen: tuple[int, int], pixels: Pixels) -> tuple[int, int]:
    """Return the size of a new window on a screen."""
    width, height = (
        max(pixels(least), min(pixels(preferred), int(available * share)))
        for least, preferred, available, share in zip(
            MIN_SIZE, PREFERRED_SIZE, screen, _SCREEN_SHARE, strict=True
        )
    )
    return width, height


def arrange(
    size: tuple[int, int],
    pixels: Pixels,
    *,
    toolbar_height: int,
    status_height: int,
    has_history: bool,
) -> WindowLayout:
    """Return the places of the parts in a window; the sheet gives way first.

    Args:
        size: Width and height of the window's content, in pixels.
        pixels: From pixels at 96 per inch to those of the display.
        toolbar_height: Height of the toolbar at this width; 0 to hide it.
        status_height: Height of the status bar; 0 to hide it.
        has_history: Whether earlier results are shown.
    """
    width, height = size
    gap = pixels(_GAP)
    inner = max(width - 2 * gap, 1)
    bottom = height - gap
    rows: list[Rect | None] = []
    thin = height < pixels(_THIN_BELOW)
    history_height = pixels(_THIN_HISTORY_HEIGHT if thin else _HISTORY_HEIGHT)
    for each in (status_height, toolbar_height, history_height if has_history else 0):
        if each:
            bottom -= each
            rows.append(Rect(gap, bottom, inner, each))
            bottom -= gap
        else:
            rows.append(None)
    status, toolbar, history = rows
    panel_width = max(pixels(_PANEL_WIDTH), int(width * _PANEL_SHARE))
    top_height = max(bottom - gap, 1)
    sheet_width = max(inner - panel_width - gap, 1)
    sheet = Rect(gap, gap, sheet_width, top_height)
    panel = Rect(gap + sheet_width + gap, gap, panel_width, top_height)
    return WindowLayout(sheet, panel, history, toolbar, status)


@dataclass(frozen=True)
class PanelLayout:
    """The places within the panel next to the sheet."""

    headline: Rect
    caption_y: int
    """Top of the line below the headline."""
    place_y: int
    """Top of the line that names the digit of a number."""
    bars_y: int
    row_height: int
    frame: Rect
    """The model's input, a square."""
    title: Rect | None
    """The title of the model's input, of one or two lines; None without space for it."""


def panel_factor(size: tuple[int, int], pixels: Pixels) -> float:
    """Return how many times as large as usual the texts of the panel are."""
    width, height = size
    factor = min(width / pixels(_PANEL_WIDTH), height / pixels(_TALL_PANEL))
    return min(max(factor, 1.0), _MAX_FACTOR)


def arrange_panel(
    size: tuple[int, int], pixels: Pixels, *, small_line: int, caption_line: int
) -> PanelLayout:
    """Return the places within the panel.

    Args:
        size: Width and height of the panel, in pixels.
        pixels: From pixels at 96 per inch to those of the display.
        small_line: Height of a line of small text.
        caption_line: Height of the caption.
    """
    width, height = size
    gap = pixels(_GAP)
    row = max(height // 32, small_line)
    rest = height - BAR_COUNT * row - caption_line - small_line - gap
    side = min(max(int(rest * 0.36), pixels(84)), width // 2)
    below = side + small_line + 2 * gap
    if rest - below >= pixels(72):
        headline = Rect(0, 0, width, rest - below)
        bars_y = headline.height + caption_line + small_line + gap
        title = Rect(0, bars_y + BAR_COUNT * row + gap, width, small_line)
        frame = Rect((width - side) // 2, title.y + small_line + gap // 2, side, side)
        return PanelLayout(
            headline,
            headline.height,
            headline.height + caption_line,
            bars_y,
            row,
            frame,
            title,
        )
    # The model's input stands next to the digit instead of below the bars.
    tall = max(rest, pixels(18))
    side = min(tall, width // 3)
    headline = Rect(0, 0, width - side - gap, tall)
    bars_y = tall + caption_line + small_line + gap
    title_height = 2 * small_line + gap // 2
    has_title = tall >= side + title_height
    frame = Rect(width - side, (tall - side - title_height * has_title) // 2, side, side)
    below_frame = Rect(frame.x, frame.y + side + gap // 2, side, 2 * small_line)
    return PanelLayout(
        headline, tall, tall + caption_line, bars_y, row, frame, below_frame if has_title else None
    )
