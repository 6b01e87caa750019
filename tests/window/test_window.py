"""What a person does and sees: drawing, predictions, undo, pictures, corrections."""

import errno
import importlib.metadata
import tkinter as tk
from collections.abc import Callable
from pathlib import Path
from tkinter import filedialog, ttk
from typing import Any, NoReturn

import numpy as np
import pytest
from PIL import Image, ImageGrab

from digits_client.draw import curves, strokes
from digits_client.draw.corrections import Corrections
from digits_client.draw.corrections_window import CorrectionsWindow
from digits_client.draw.dialog import Dialog
from digits_client.draw.help_windows import AboutWindow, KeysWindow
from digits_client.draw.view_model import Tone
from digits_training.datasets import DatasetError
from digits_training.pendigits import load_pendigits
from tests.window.fixtures import ONE, THREE, ZERO


def scale_to_sheet(recorded: Any) -> list[list[strokes.Point]]:
    """Return recorded strokes, centered on the sheet and scaled to 260 of its 400 pixels."""
    points = np.concatenate(recorded)
    center, scale = (points.max(0) + points.min(0)) / 2, 260 / np.ptp(points, axis=0).max()
    return [[(x, y) for x, y in ((stroke - center) * scale + 200).tolist()] for stroke in recorded]


def test_a_drawn_three_is_recognized(window: Any) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    assert window.panel.view.tone is not Tone.BAD
    assert np.argmax(window.panel.view.bars) == 3


@pytest.mark.parametrize("digit", range(10))
def test_recorded_strokes_of_unseen_writers_are_recognized(window: Any, digit: int) -> None:
    try:
        recordings = load_pendigits(part="test")
    except DatasetError as error:
        pytest.skip(f"the recorded strokes are not available: {error}")
    for recording in [r for r in recordings if r.label == digit][:3]:
        window.clear()
        for points in scale_to_sheet(recording.strokes):
            window.stroke(points)
        window.wait_until_recognized()
        if window.panel.view.headline == str(digit):
            return
    pytest.fail(f"none of three recordings of {digit} was recognized")


def test_predictions_are_shown_while_the_pen_is_down(window: Any) -> None:
    window.stroke(THREE, lift=False)
    window.wait_until_shown("3")


def test_the_sent_image_shows_the_drawn_strokes(window: Any) -> None:
    window.stroke(ONE)
    window.stroke(ZERO)
    shown, scale = window.sheet.winfo_height() / 400, window.sheet._scale
    expected = Image.new("L", (window.drawing.width, 400), 255)
    for points in (ONE, ZERO):
        stroke = strokes.Stroke(
            tuple((round(x * shown) / scale, round(y * shown) / scale) for x, y in points),
            window.sheet.pen_width,
        )
        curves.draw_curve(expected, stroke)
    assert np.array_equal(np.asarray(window.drawing.image()), np.asarray(expected))


def test_on_macos_the_second_mouse_button_erases_too(
    open_window: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_client.draw.canvas.is_mac", lambda _: True)
    window = open_window(server.address)
    window.stroke(ONE)
    window.wait_until_shown("1")
    window.stroke(ONE, button=2)
    window.wait_until_shown("")


def test_undo_and_redo_change_the_prediction(window: Any) -> None:
    window.stroke(ONE)
    window.wait_until_shown("1")
    window.press("<Control-z>")
    window.wait_until_shown("")
    assert window.panel.view.caption == ""
    window.press("<Control-y>")
    window.wait_until_shown("1")


def test_clear_empties_the_sheet_and_can_be_undone(window: Any) -> None:
    window.stroke(ZERO)
    window.wait_until_shown("0")
    window.press("<Delete>")
    window.wait_until_shown("")
    assert window.sheet.is_inviting
    window.press("<Control-z>")
    window.wait_until_shown("0")
    assert not window.sheet.is_inviting


@pytest.mark.parametrize(
    "erase", [lambda w: w.stroke(ONE, button=3), lambda w: (w.press("<Control-e>"), w.stroke(ONE))]
)
def test_the_eraser_removes_ink(window: Any, erase: Callable[[Any], None]) -> None:
    window.thinner()
    window.stroke(ONE)
    window.wait_until_shown("1")
    window.set_pen(40)
    erase(window)
    window.wait_until_shown("")
    assert window.panel.view.caption == "blank"


def test_the_width_of_the_pen_has_limits(window: Any) -> None:
    for _ in range(50):
        window.press("<Key-plus>")
    thickest = window.sheet.pen_width
    for _ in range(50):
        window.press("<Key-minus>")
    assert 1 < window.sheet.pen_width < thickest < 100


def test_the_sheet_and_its_drawing_grow_with_the_window(window: Any) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    sent, height = np.asarray(window.drawing.image()), window.sheet.winfo_height()
    box = window.sheet.bbox("all")
    window.root.geometry("1700x1200")
    window.wait_until(lambda: window.sheet.winfo_height() > 1.5 * height)
    window.root.update()
    assert window.sheet.bbox("all")[2] > 1.4 * box[2]
    wider = np.asarray(window.drawing.image())
    width = min(sent.shape[1], wider.shape[1])
    assert np.array_equal(wider[:, :width], sent[:, :width])
    assert window.sheet.winfo_width() / window.sheet.winfo_height() == pytest.approx(
        window.drawing.width / 400, abs=0.02
    )


def test_with_live_recognition_off_the_drawing_is_recognized_on_request(window: Any) -> None:
    window.press("<Control-l>")
    window.stroke(ZERO)
    assert window.panel.view.caption == "press Recognize"
    window.press("<Return>")
    window.wait_until_shown("0")
    window.stroke(ONE)
    assert window.panel.view.caption == "press Recognize"


def test_an_opened_picture_replaces_the_drawing_until_it_is_undone(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.stroke(ONE)
    window.wait_until_shown("1")
    file = tmp_path / "zero.png"
    strokes.draw([strokes.Stroke(tuple(ZERO), 20)], (400, 400), paper=0, ink=255).save(file)
    monkeypatch.setattr(filedialog, "askopenfilename", lambda **_: str(file))
    window.press("<Control-o>")
    window.wait_until_shown("0")
    window.press("<Control-z>")
    window.wait_until_shown("1")


def test_a_picture_can_be_pasted_from_the_clipboard(
    window: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = strokes.draw([strokes.Stroke(tuple(ZERO), 20)], (400, 400)).convert("RGB")
    monkeypatch.setattr(ImageGrab, "grabclipboard", lambda: picture)
    window.press("<Control-v>")
    window.wait_until_shown("0")


def test_opening_a_file_of_several_pages_names_those_that_were_not_read(
    window: Any, tmp_path: Path
) -> None:
    pages = [Image.new("L", (50, 50), 255) for _ in range(3)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    window.files.open(str(tmp_path / "scan.tif"))
    assert window.notices.text == "2 further pages were not read."
    pages[0].save(tmp_path / "one.png")
    window.files.open(str(tmp_path / "one.png"))
    assert window.notices.text == ""


def test_opening_a_file_that_is_not_a_picture_shows_a_notice(window: Any, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a picture")
    window.files.open(str(file))
    assert window.notices.text == "notes.txt is not a picture in a supported format."


def test_the_drawing_is_saved_as_the_image_that_is_sent(
    window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.stroke(THREE)
    file = tmp_path / "three.png"
    monkeypatch.setattr(filedialog, "asksaveasfilename", lambda **_: str(file))
    window.press("<Control-s>")
    with Image.open(file) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(window.drawing.image()))
    window.files.save(str(tmp_path / "none" / "three.png"))
    assert "Cannot write" in window.notices.text


@pytest.mark.parametrize("command", ["open_picture", "save_drawing"])
def test_the_window_can_be_closed_while_a_file_is_chosen(window: Any, command: str) -> None:
    def close_once_the_dialog_is_open() -> None:
        if window.root.tk.eval("winfo exists .__tk_filedialog") == "1":
            window.close()
        else:
            window.root.after(20, close_once_the_dialog_is_open)

    window.root.after(20, close_once_the_dialog_is_open)
    getattr(window, command)()
    assert window.is_closed


def test_a_number_that_is_typed_saves_the_drawing_with_its_prediction(
    window: Any, corrections: Corrections
) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.type("8")
    (correction,) = corrections
    assert (correction.label, correction.predicted) == (8, "3")
    assert correction.model_version == window.last_recognized.number.digits[0].model_version
    assert correction.strokes == window.drawing.strokes
    with Image.open(correction.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(window.drawing.image()))


def test_a_second_correction_of_the_same_drawing_replaces_the_first(
    window: Any, corrections: Corrections
) -> None:
    window.stroke(THREE)
    window.type("8")
    window.type("5")
    assert [correction.label for correction in corrections] == [5]
    window.clear()
    window.type("5")
    assert [correction.label for correction in corrections] == [5]
    assert "draw a digit first" in window.notices.text


@pytest.mark.parametrize(
    "remove",
    [lambda w: w.undo(), lambda w: (w.set_pen(40), w.stroke(ONE, button=3))],
    ids=["undo", "eraser"],
)
def test_a_sheet_that_became_blank_during_a_correction_is_not_kept(
    window: Any, corrections: Corrections, remove: Callable[[Any], None]
) -> None:
    window.stroke(ONE)
    window.correct("7")
    remove(window)
    window.wait_until_recognized()
    window.save_correction("7")
    assert list(corrections) == []
    assert window.notices.text == "There is nothing to correct: draw a digit first."
    window.root.update()
    assert window.controls.winfo_ismapped()
    window.clear()
    assert window.history.results == []


def test_a_number_is_read_while_it_is_drawn_and_boxes_are_around_its_digits(window: Any) -> None:
    window.number("310")
    window.wait_until_shown("310")
    boxes = window.sheet.boxes
    assert len(boxes) == 3
    assert [box.left for box in boxes] == sorted(box.left for box in boxes)
    assert "of 3" in window.panel.view.place
    window.point_at(boxes[2])
    assert window.panel.view.place == "digit 3 of 3: 0"
    assert np.argmax(window.panel.view.bars) == 0
    window.sheet.event_generate("<Leave>")
    window.clear()
    window.wait_until_shown("")
    assert window.sheet.boxes == []


def test_without_numbers_several_digits_are_no_digit(window: Any) -> None:
    window.number("31")
    window.wait_until_shown("31")
    window.press("<Control-n>")
    assert window.panel.view.caption == "several digits"
    assert window.sheet.boxes == []
    window.press("<Control-n>")
    assert window.panel.view.headline == "31"


def test_a_correction_of_a_number_is_kept_for_each_digit_that_was_misread(
    window: Any, corrections: Corrections
) -> None:
    window.number("310")
    window.wait_until_shown("310")
    window.type("370")
    (correction,) = corrections
    assert (correction.label, correction.predicted) == (7, "1")
    assert "digit 2 is a 7" in window.notices.text
    window.type("310")
    assert list(corrections) == []
    window.type("12")
    assert "cannot be told apart" in window.notices.text


def test_a_correction_can_be_taken_back(window: Any, corrections: Corrections) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.type("8")
    assert window.notices.text == "Saved as a correction: the drawing shows an 8."
    assert window.notices.action == "Undo"
    window.notices.accept()
    assert list(corrections) == []
    assert window.notices.text == "The correction was removed."
    assert window.notices.action is None


def test_what_was_read_right_is_not_kept(window: Any, corrections: Corrections) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.type("3")
    assert list(corrections) == []
    assert window.notices.text == "The drawing was read as a 3: there is nothing to correct."
    assert window.notices.action is None


def test_a_drawing_can_be_corrected_to_not_a_digit(window: Any, corrections: Corrections) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    window.press("<Control-k>")
    window.save_correction("not a digit")
    (correction,) = corrections
    assert (correction.label, correction.predicted) == (10, "3")


def test_keys_that_are_typed_into_the_field_do_nothing_else(window: Any) -> None:
    window.stroke(THREE)
    window.press("<Control-Key-4>")
    assert window.root.focus_get().winfo_class() == "TEntry"
    window.root.focus_get().event_generate("<Key-plus>")
    window.root.focus_get().event_generate("<BackSpace>")
    window.root.focus_get().event_generate("<Escape>")
    window.root.update()
    assert window.sheet.pen_width == 16
    assert not window.drawing.is_empty
    assert window.root.focus_get() is window.root
    window.press("<Key-plus>")
    assert window.sheet.pen_width > 16


def test_a_digit_or_a_letter_alone_does_nothing(window: Any, corrections: Corrections) -> None:
    window.stroke(THREE)

    window.press("<Key-Shift_L>")  # the window has the focus from now on

    def state() -> tuple[object, ...]:
        focus = str(window.root.focus_get())
        modes = window.is_live, window.is_erasing, window.is_dark, window.reads_numbers
        return (window.revision, focus, window.notices.text, *modes)

    before = state()
    for key in "0123456789abcdefghijklmnopqrstuvwxyz":
        window.press(f"<Key-{key}>")
        assert state() == before, key
    assert list(corrections) == []


def test_corrections_are_listed_and_can_be_removed(window: Any, corrections: Corrections) -> None:
    for points, digit in ((ONE, 7), (ZERO, 8)):
        window.clear()
        window.stroke(points)
        window.save_correction(str(digit))
    window.press("<Control-K>")
    (dialog,) = [w for w in window.root.winfo_children() if isinstance(w, CorrectionsWindow)]
    window.root.update()
    newest = next(iter(dialog.rows))
    assert [correction.label for correction in dialog.rows.values()] == [8, 7]
    dialog.select(newest)
    dialog.remove_selected()
    assert [correction.label for correction in dialog.rows.values()] == [7]
    assert [correction.label for correction in corrections] == [7]


def test_a_correction_whose_image_is_damaged_is_listed(
    window: Any, corrections: Corrections
) -> None:
    window.stroke(ONE)
    window.save_correction("7")
    (correction,) = corrections
    content = bytearray(correction.path.read_bytes())
    content[11] = 0  # the length of its header, for which Pillow raises a ValueError
    correction.path.write_bytes(content)
    window.show_corrections()
    (dialog,) = dialogs(window, CorrectionsWindow)
    assert list(dialog.rows.values()) == [correction]


@pytest.mark.parametrize("key", ["<Control-K>", "<Control-t>"])
def test_a_folder_of_corrections_that_cannot_be_read_is_named(
    window: Any, corrections: Corrections, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def raise_denied(folder: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    corrections.folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(Path, "iterdir", raise_denied)
    window.press(key)
    (dialog,) = dialogs(window, Dialog)
    texts = [str(label.cget("text")) for label in text_widgets(dialog)]
    assert f"Cannot read {corrections.folder}: Permission denied." in texts


def test_switching_the_theme_keeps_the_drawing(window: Any) -> None:
    window.stroke(THREE)
    window.wait_until_shown("3")
    paper, items = window.sheet.cget("background"), len(window.sheet.find_all())
    window.press("<Control-d>")
    assert window.sheet.cget("background") != paper
    assert len(window.sheet.find_all()) == items
    assert window.panel.view.headline == "3"


def test_f1_shows_the_keys_and_about_shows_the_versions(window: Any) -> None:
    window.press("<F1>")
    (keys,) = dialogs(window, KeysWindow)
    texts = [widget.cget("text") for widget in text_widgets(keys)]
    assert texts[texts.index("Ctrl+Z") + 1] == "Undo"
    window.show_about()
    (about,) = dialogs(window, AboutWindow)
    texts = [widget.cget("text") for widget in text_widgets(about)]
    model = window.connection.connected.model
    assert texts[texts.index("Model") + 1] == f"{model.version} float32"
    assert texts[texts.index("digits", 2) + 1] == importlib.metadata.version("digits")


def dialogs(window: Any, kind: type[Any]) -> list[Any]:
    """Return the windows of a kind above the main window."""
    window.root.update()
    return [widget for widget in window.root.winfo_children() if isinstance(widget, kind)]


def text_widgets(widget: tk.Misc) -> list[tk.Misc]:
    """Return a widget and its descendants, as far as they show a text."""
    found: list[tk.Misc] = (
        [widget] if isinstance(widget, ttk.Label | ttk.Button | ttk.Checkbutton) else []
    )
    for child in widget.winfo_children():
        found += text_widgets(child)
    return found
