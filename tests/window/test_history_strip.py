"""Earlier results, samples, and what stands on an empty sheet."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits_client.draw.samples_window import SamplesWindow
from tests.window.fixtures import ONE, THREE, ZERO
from tests.window.test_window import dialogs


def test_an_empty_sheet_invites_to_draw(window: Any) -> None:
    window.wait_until_recognized()
    assert window.panel.itemcget(window.panel._frame, "image") == ""
    assert window.sheet.is_inviting
    assert window.panel.view.caption == ""
    window.stroke(ONE)
    assert not window.sheet.is_inviting
    window.clear()
    assert window.sheet.is_inviting


def test_earlier_results_are_kept_and_a_click_brings_one_back(window: Any) -> None:
    for points, digit in ((THREE, "3"), (ZERO, "0"), (ONE, "1")):
        window.clear()
        window.stroke(points)
        window.wait_until_shown(digit)
    strip = window._main.history
    window.root.update()
    assert strip.winfo_ismapped()
    assert [result.texts[0] for result in window.history.results] == ["0", "3"]
    strip.choose(1)
    window.wait_until_shown("3")
    assert [result.texts[0] for result in window.history.results] == ["1", "0", "3"]
    window.press("<Control-h>")
    window.root.update()
    assert not strip.winfo_ismapped()


def test_all_results_are_copied_as_csv(window: Any) -> None:
    for points, digit in ((THREE, "3"), (ZERO, "0")):
        window.clear()
        window.stroke(points)
        window.wait_until_shown(digit)
    window.press("<Control-C>")
    rows = list(csv.DictReader(io.StringIO(window.root.clipboard_get())))
    assert [(row["number"], row["verdict"]) for row in rows] == [("3", "digit"), ("0", "digit")]
    assert all(0.5 < float(row["confidence"]) <= 1 for row in rows)
    assert window.notices.text == "2 results copied as CSV."


def test_a_sample_is_opened_from_the_gallery(window: Any) -> None:
    window.press("<Control-g>")
    (gallery,) = dialogs(window, SamplesWindow)
    (path,) = [path for path in gallery.paths if Path(path).name == "7-marker.png"]
    gallery.choose(path)
    window.wait_until_shown("7")
    assert dialogs(window, SamplesWindow) == []


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_pictures_of_any_kind_are_kept(window: Any, tmp_path: Path, mode: str) -> None:
    Image.new(mode, (60, 40)).save(tmp_path / "picture.png")
    window.files.open(str(tmp_path / "picture.png"))
    window.wait_until_recognized()
    window.clear()
    assert len(window.history.results) == 1
