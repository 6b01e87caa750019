"""The window at every size: nothing is cut off or out of reach, and the result grows."""

import tkinter as tk
from collections.abc import Callable
from typing import Any

import pytest

from digits_client.draw.layout import MIN_SIZE
from digits_client.draw.view_model import Status, Tone
from tests.window.fixtures import THREE
from tests.window.test_window import text_widgets

SENTENCE = "A sentence that is rather long, about something that just happened here."


def resize(window: Any, width: int, height: int) -> None:
    window.root.geometry(f"{width}x{height}")
    window.wait_until(
        lambda: (window.root.winfo_width(), window.root.winfo_height()) == (width, height)
    )
    window.root.update()


def assert_all_in_reach(window: Any) -> None:
    """Check that each text is whole and within the window, and the panel's items in the panel."""
    root = window.root
    right, bottom = (
        root.winfo_rootx() + root.winfo_width(),
        root.winfo_rooty() + root.winfo_height(),
    )
    shown = [widget for widget in text_widgets(root) if widget.winfo_ismapped()]
    assert len(shown) >= 8
    for widget in shown:
        assert widget.winfo_width() >= widget.winfo_reqwidth(), widget.cget("text")
        assert widget.winfo_height() >= widget.winfo_reqheight(), widget.cget("text")
        assert widget.winfo_rootx() + widget.winfo_width() <= right, widget.cget("text")
        assert widget.winfo_rooty() + widget.winfo_height() <= bottom, widget.cget("text")
    panel = window.panel
    left, top, right, bottom = panel.bbox("all")
    assert left >= -2
    assert top >= -2
    assert right <= panel.winfo_width() + 2
    assert bottom <= panel.winfo_height() + 2


@pytest.mark.parametrize("has_history", [False, True])
@pytest.mark.parametrize("scale", [1.0, 1.25, 2.0])
def test_everything_is_in_reach_in_the_smallest_window(
    open_window: Any, server: Any, scale: float, has_history: bool
) -> None:
    window = open_window(server.address, scale=scale)
    window.wait_until_connected()
    if has_history:
        window.stroke(THREE)
        window.wait_until_shown("3")
        window.clear()
    else:
        window.toggle_history()
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.notices.show(SENTENCE, ("Undo", lambda: None))
    assert window.root.minsize() == pytest.approx([side * scale for side in MIN_SIZE], rel=0.01)
    resize(window, *window.root.minsize())
    assert_all_in_reach(window)
    window.correct()
    window.root.update()
    assert_all_in_reach(window)


def set_screen(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """Make the screen seem to have a width and a height in pixels."""
    monkeypatch.setattr(tk.Misc, "winfo_screenwidth", lambda _: size[0])
    monkeypatch.setattr(tk.Misc, "winfo_screenheight", lambda _: size[1])


@pytest.mark.parametrize(
    ("scale", "screen"), [(1.25, (1366, 768)), (2.0, (1600, 1200)), (1.0, (800, 600))]
)
def test_a_new_window_fits_the_screen(
    open_window: Any,
    server: Any,
    monkeypatch: pytest.MonkeyPatch,
    scale: float,
    screen: tuple[int, int],
) -> None:
    set_screen(monkeypatch, screen)
    window = open_window(server.address, scale=scale)
    window.wait_until_connected()
    window.root.update()
    assert window.root.winfo_width() <= screen[0]
    assert window.root.winfo_rooty() + window.root.winfo_height() <= screen[1]
    assert_all_in_reach(window)


@pytest.mark.parametrize(("scale", "screen"), [(1.25, (1366, 768)), (2.0, (1600, 1200))])
def test_each_dialog_fits_the_screen(
    open_window: Any,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    scale: float,
    screen: tuple[int, int],
) -> None:
    set_screen(monkeypatch, screen)
    window = open_window(f"127.0.0.1:{free_port}", scale=scale)
    for show in (
        *(window.show_samples, window.show_corrections, window.show_training),
        *(window.show_keys, window.show_about),
    ):
        show()
        (dialog,) = [w for w in window.root.winfo_children() if isinstance(w, tk.Toplevel)]
        dialog.update()
        assert dialog.winfo_reqwidth() <= screen[0], dialog.title()
        assert dialog.winfo_reqheight() <= screen[1] * 0.9, dialog.title()
        dialog.destroy()


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_offer_is_in_reach_while_the_server_is_away(
    open_window: Any, free_port: int, scale: float
) -> None:
    window = open_window(f"127.0.0.1:{free_port}", scale=scale)
    window.wait_until(lambda: window.status.offered is not None)
    resize(window, *window.root.minsize())
    window.status.show(Status(SENTENCE, Tone.BAD))  # of two lines
    window.root.update_idletasks()
    assert_all_in_reach(window)


def test_the_result_grows_with_the_window(open_window: Any, server: Any) -> None:
    window = open_window(server.address, scale=1.0)
    window.wait_until_connected()

    def headline_height() -> int:
        _, top, _, bottom = window.panel.bbox(window.panel._headline)
        return int(bottom - top)

    window.stroke(THREE)
    window.wait_until_shown("3")
    before = headline_height()
    resize(window, 1900, 1300)
    assert headline_height() > 1.7 * before
    assert_all_in_reach(window)


@pytest.mark.parametrize(
    "bring_back", [lambda w: w.undo(), lambda w: w.bring_back(w.history.results[0])]
)
def test_a_wide_drawing_that_comes_back_to_a_narrow_window_is_whole(
    open_window: Any, server: Any, bring_back: Callable[[Any], None]
) -> None:
    window = open_window(server.address, scale=1.0)
    window.wait_until_connected()
    resize(window, 1700, 700)
    window.number("1031")
    window.wait_until_shown("1031")
    wide = window.drawing.width
    window.clear()
    resize(window, 520, 560)
    narrow = window.drawing.width
    bring_back(window)
    window.wait_until_shown("1031")
    window.root.update()
    assert narrow < window.drawing.width < wide
    left, _, right, _ = window.sheet.bbox("all")
    assert left >= 0
    assert right <= window.sheet.winfo_width()
    window.clear()
    assert window.drawing.width == narrow


def test_a_presentation_shows_the_sheet_and_the_result_alone(window: Any) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.press("<F11>")
    window.root.update()
    parts = window.controls, window.status, window.sheet, window.panel
    assert [bool(part.winfo_ismapped()) for part in parts] == [False, False, True, True]
    assert str(window.root.cget("menu")) == ""
    window.press("<Escape>")
    window.root.update()
    assert all(part.winfo_ismapped() for part in parts)
    assert window.panel.view.headline == "3"


@pytest.mark.parametrize("scale", [1.0, 1.25])
def test_after_a_presentation_the_window_has_its_size_and_all_parts(
    open_window: Any, server: Any, scale: float
) -> None:
    window = open_window(server.address, scale=scale)
    window.wait_until_connected()
    root = window.root
    size = root.winfo_width(), root.winfo_height()
    for _ in range(3):
        window.press("<F11>")
        resize(window, root.winfo_screenwidth(), root.winfo_screenheight())
        window.press("<Escape>")
        window.wait_until(lambda: (root.winfo_width(), root.winfo_height()) == size)
        root.update()
        assert_all_in_reach(window)
        bottom = root.winfo_rooty() + root.winfo_height()
        assert bottom <= root.winfo_screenheight()


def test_a_key_that_is_held_down_does_not_change_the_size_of_the_window(window: Any) -> None:
    root = window.root
    size = root.winfo_width(), root.winfo_height()
    for _ in range(3):
        window.press("<F11>")
        resize(window, root.winfo_screenwidth(), root.winfo_screenheight())
        window.press("<F11>")
    window.wait_until(lambda: (root.winfo_width(), root.winfo_height()) == size)


def test_nothing_moves_when_a_notice_or_an_offer_appears(window: Any) -> None:
    def places() -> list[tuple[int, int, int, int]]:
        window.root.update()
        return [
            (part.winfo_x(), part.winfo_y(), part.winfo_width(), part.winfo_height())
            for part in (window.sheet, window.panel, window.controls, window.status)
        ]

    before = places()
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.clear()
    assert len(window.history.results) == 1
    assert places() == before
    window.notices.show(SENTENCE, ("Undo", lambda: None))
    window.status.offer("Retry now", lambda: None)
    assert places() == before
    window.correct()
    window.leave_mode()
    assert places() == before
