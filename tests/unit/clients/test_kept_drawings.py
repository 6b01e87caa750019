"""Corrected drawings in a folder."""

from pathlib import Path

import numpy as np
from PIL import Image

from digits_client.draw.kept import KeptDrawings, default_folder
from digits_client.draw.strokes import Stroke, draw

STROKES = (Stroke(((1.5, 2.25), (30.0, 4.0)), 7.5), Stroke(((9.0, 9.0),), 20.0, erases=True))
IMAGE = draw(STROKES, (40, 40))


def test_a_drawing_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    kept = KeptDrawings(tmp_path / "new" / "folder")
    assert list(kept) == []
    written = kept.keep(IMAGE, STROKES, 4, answered="9", model_version="3")
    (read,) = KeptDrawings(tmp_path / "new" / "folder")
    assert read == written
    assert (read.label, read.answered, read.model_version) == (4, "9", "3")
    assert read.strokes == STROKES
    with Image.open(read.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(IMAGE))


def test_drawings_come_in_the_order_in_which_they_were_kept(tmp_path: Path) -> None:
    kept = KeptDrawings(tmp_path)
    for label in (3, 1, 2):
        kept.keep(IMAGE, STROKES, label)
    assert [drawing.label for drawing in kept] == [3, 1, 2]


def test_a_removed_drawing_leaves_nothing(tmp_path: Path) -> None:
    kept = KeptDrawings(tmp_path)
    drawing = kept.keep(IMAGE, STROKES, 3)
    kept.remove(drawing)
    kept.remove(drawing)
    assert list(tmp_path.iterdir()) == []


def test_what_is_torn_or_of_others_is_passed_over(tmp_path: Path) -> None:
    kept = KeptDrawings(tmp_path)
    whole = kept.keep(IMAGE, STROKES, 3)
    torn = kept.keep(IMAGE, STROKES, 5)
    text = torn.path.with_suffix(".json").read_text()
    torn.path.with_suffix(".json").write_text(text[:40])
    kept.keep(IMAGE, STROKES, 6).path.unlink()
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "20260101T000000-000000-7.json").write_text('{"label": 12}')
    assert [drawing.path for drawing in kept] == [whole.path]


def test_the_default_folder_is_of_this_user() -> None:
    assert default_folder().is_absolute()
    assert "digits" in str(default_folder())
