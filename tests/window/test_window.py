"""What a person sees and does: drawing, answers, steps, pictures, corrections."""

import tkinter as tk
from collections.abc import Callable
from pathlib import Path
from tkinter import filedialog, messagebox, ttk
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageGrab

from digits_client.draw import strokes
from digits_client.draw.corrections import Corrections
from digits_client.draw.corrections_window import KeptWindow
from digits_client.draw.view_model import Tone
from digits_training.datasets import DatasetError
from digits_training.pendigits import TEST_WRITERS, load_pendigits, of_writers
from tests.window.conftest import ONE, THREE, ZERO


def placed(recorded: Any) -> list[list[strokes.Point]]:
    """Return recorded strokes in the middle of the sheet."""
    every = np.concatenate(recorded)
    middle, scale = (every.max(0) + every.min(0)) / 2, 260 / np.ptp(every, axis=0).max()
    return [[(x, y) for x, y in ((stroke - middle) * scale + 200).tolist()] for stroke in recorded]


def test_a_drawn_three_is_a_three(window: Any) -> None:
    window.stroke(THREE)
    window.until_it_shows("3")
    assert window.panel.answer.tone is not Tone.BAD
    assert np.argmax(window.panel.answer.bars) == 3


@pytest.mark.parametrize("digit", range(10))
def test_recorded_strokes_of_unseen_writers_are_their_digit(window: Any, digit: int) -> None:
    try:
        recordings = of_writers(load_pendigits(), TEST_WRITERS)
    except DatasetError as error:
        pytest.skip(f"no recorded strokes here: {error}")
    for recording in [r for r in recordings if r.label == digit][:3]:
        window.clear()
        for points in placed(recording.strokes):
            window.stroke(points)
        window.until_answered()
        if window.panel.answer.headline == str(digit):
            return
    pytest.fail(f"three recorded {digit}, and none was answered as one")


def test_answers_come_while_the_pen_is_down(window: Any) -> None:
    window.stroke(THREE, lift=False)
    window.until_it_shows("3")


def test_what_is_sent_is_what_was_drawn(window: Any) -> None:
    window.stroke(ONE)
    window.stroke(ZERO)
    side = min(window.sheet.winfo_width(), window.sheet.winfo_height())
    expected = [
        strokes.Stroke(
            tuple(
                (round(x * side / 400) * 400 / side, round(y * side / 400) * 400 / side)
                for x, y in points
            ),
            window.sheet.pen_width,
        )
        for points in (ONE, ZERO)
    ]
    sent = window.drawing.image()
    assert np.array_equal(np.asarray(sent), np.asarray(strokes.draw(expected, (400, 400))))


def test_a_step_back_and_forth_changes_the_answer(window: Any) -> None:
    window.stroke(ONE)
    window.until_it_shows("1")
    window.press("<Control-z>")
    window.until_it_shows("")
    assert window.panel.answer.caption == "blank"
    window.press("<Control-y>")
    window.until_it_shows("1")


def test_clear_empties_the_sheet_and_can_be_undone(window: Any) -> None:
    window.stroke(ZERO)
    window.until_it_shows("0")
    window.press("<Escape>")
    window.until_it_shows("")
    assert not window.sheet.find_all()
    window.press("<Control-z>")
    window.until_it_shows("0")
    assert window.sheet.find_all()


@pytest.mark.parametrize(
    "erase", [lambda w: w.stroke(ONE, button=3), lambda w: (w.press("<e>"), w.stroke(ONE))]
)
def test_the_eraser_takes_ink_away(window: Any, erase: Callable[[Any], None]) -> None:
    window.thinner()
    window.stroke(ONE)
    window.until_it_shows("1")
    window.set_pen(40)
    erase(window)
    window.until_it_shows("")
    assert window.panel.answer.caption == "blank"


def test_the_pen_has_a_least_and_a_most_width(window: Any) -> None:
    for _ in range(50):
        window.press("<Key-plus>")
    thickest = window.sheet.pen_width
    for _ in range(50):
        window.press("<Key-minus>")
    assert 1 < window.sheet.pen_width < thickest < 100


def test_the_sheet_grows_with_the_window_and_the_drawing_with_it(window: Any) -> None:
    window.stroke(THREE)
    sent, side = window.drawing.image(), window.sheet.winfo_width()
    box = window.sheet.bbox("all")
    window.root.geometry("1400x1300")
    window.until(lambda: window.sheet.winfo_width() > 1.5 * side)
    assert window.sheet.winfo_width() == window.sheet.winfo_height()
    window.root.update()
    assert window.sheet.bbox("all")[2] > 1.4 * box[2]
    assert np.array_equal(np.asarray(window.drawing.image()), np.asarray(sent))


def test_without_live_answers_the_button_asks(window: Any) -> None:
    window.press("<l>")
    window.stroke(ZERO)
    assert window.panel.answer.caption == "press Recognise"
    window.press("<Return>")
    window.until_it_shows("0")
    window.stroke(ONE)
    assert window.panel.answer.caption == "press Recognise"


def test_a_picture_takes_the_place_of_the_drawing(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.stroke(ONE)
    window.until_it_shows("1")
    file = tmp_path / "zero.png"
    strokes.draw([strokes.Stroke(tuple(ZERO), 20)], (400, 400), paper=0, ink=255).save(file)
    monkeypatch.setattr(filedialog, "askopenfilename", lambda **_: str(file))
    window.press("<Control-o>")
    window.until_it_shows("0")
    window.press("<Control-z>")
    window.until_it_shows("1")


def test_a_picture_comes_from_the_clipboard(window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = strokes.draw([strokes.Stroke(tuple(ZERO), 20)], (400, 400)).convert("RGB")
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: picture)
    window.press("<Control-v>")
    window.until_it_shows("0")


def test_what_is_no_picture_is_said_in_a_sentence(window: Any, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no picture")
    window.open_file(str(file))
    assert window.status.notice_text == "notes.txt is no picture that can be read."


def test_the_drawing_is_saved_as_it_is_sent(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.stroke(THREE)
    file = tmp_path / "three.png"
    monkeypatch.setattr(filedialog, "asksaveasfilename", lambda **_: str(file))
    window.press("<Control-s>")
    with Image.open(file) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(window.drawing.image()))
    window.save_file(str(tmp_path / "none" / "three.png"))
    assert "cannot be written" in window.status.notice_text


def test_a_digit_key_keeps_the_drawing_with_what_was_answered(
    window: Any, kept: Corrections
) -> None:
    window.stroke(THREE)
    window.until_it_shows("3")
    window.press("<Key-8>")
    (drawing,) = kept
    assert (drawing.label, drawing.answered) == (8, "3")
    assert drawing.model_version == window.answered.prediction.model_version
    assert drawing.strokes == window.drawing.strokes
    with Image.open(drawing.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(window.drawing.image()))


def test_a_second_digit_for_the_same_drawing_replaces_the_first(
    window: Any, kept: Corrections
) -> None:
    window.stroke(THREE)
    window.press("<Key-8>")
    window.press("<Key-5>")
    assert [drawing.label for drawing in kept] == [5]
    window.clear()
    window.press("<Key-5>")
    assert [drawing.label for drawing in kept] == [5]
    assert "draw a digit first" in window.status.notice_text


def test_kept_drawings_are_listed_and_removed(window: Any, kept: Corrections) -> None:
    for points, digit in ((ONE, 1), (ZERO, 0)):
        window.clear()
        window.stroke(points)
        window.keep(digit)
    window.press("<Control-k>")
    (listed,) = [w for w in window.root.winfo_children() if isinstance(w, KeptWindow)]
    window.root.update()
    newest = next(iter(listed.rows))
    assert [drawing.label for drawing in listed.rows.values()] == [0, 1]
    listed.select(newest)
    listed.remove_selected()
    assert [drawing.label for drawing in listed.rows.values()] == [1]
    assert [drawing.label for drawing in kept] == [1]


def test_the_theme_changes_under_a_drawing(window: Any) -> None:
    window.stroke(THREE)
    window.until_it_shows("3")
    paper, items = window.sheet.cget("background"), len(window.sheet.find_all())
    window.press("<d>")
    assert window.sheet.cget("background") != paper
    assert len(window.sheet.find_all()) == items
    assert window.panel.answer.headline == "3"


def test_the_keys_are_told(window: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(messagebox, "showinfo", lambda *texts, **_: told.append(texts[1]))
    window.press("<F1>")
    assert "Ctrl+Z" in told[0]
    assert "Recognise" in told[0]


def labelled(widget: tk.Misc) -> list[tk.Misc]:
    """Return all widgets below one that show a text."""
    found: list[tk.Misc] = (
        [widget] if isinstance(widget, ttk.Label | ttk.Button | ttk.Checkbutton) else []
    )
    for child in widget.winfo_children():
        found += labelled(child)
    return found


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_no_text_is_cut_off(open_window: Any, server: Any, scale: float) -> None:
    window = open_window(server.address, scale=scale)
    window.until_connected()
    window.stroke(THREE)
    window.until_it_shows("3")
    window.status.notice("A sentence that is rather long, about something that just happened here.")
    window.root.update()
    shown = [widget for widget in labelled(window.root) if widget.winfo_ismapped()]
    assert len(shown) > 20
    for widget in shown:
        assert widget.winfo_width() >= widget.winfo_reqwidth(), widget
        assert widget.winfo_height() >= widget.winfo_reqheight(), widget
    right = window.root.winfo_rootx() + window.root.winfo_width()
    assert all(w.winfo_rootx() + w.winfo_width() <= right for w in shown)
