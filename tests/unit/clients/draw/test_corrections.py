"""Corrected drawings in a folder."""

import json
import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

from digits_client.draw import corrections as kept_module
from digits_client.draw.corrections import Corrections, default_folder
from digits_client.draw.strokes import Stroke, draw

STROKES = (Stroke(((1.5, 2.25), (30.0, 4.0)), 7.5), Stroke(((9.0, 9.0),), 20.0, erases=True))
IMAGE = draw(STROKES, (40, 40))


class Stopped(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 1, 2, 3, 4, 5, 6, tzinfo=tz)


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "datetime", Stopped)


def test_a_drawing_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    kept = Corrections(tmp_path / "new" / "folder")
    assert list(kept) == []
    written = kept.keep(IMAGE, STROKES, 4, answered="9", model_version="3")
    (read,) = Corrections(tmp_path / "new" / "folder")
    assert read == written
    assert (read.label, read.answered, read.model_version) == (4, "9", "3")
    assert read.strokes == STROKES
    with Image.open(read.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(IMAGE))


def test_drawings_come_in_the_order_in_which_they_were_kept(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
    for label in (3, 1, 2):
        kept.keep(IMAGE, STROKES, label)
    assert [drawing.label for drawing in kept] == [3, 1, 2]


def test_a_removed_drawing_leaves_nothing(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
    drawing = kept.keep(IMAGE, STROKES, 3)
    kept.remove(drawing)
    kept.remove(drawing)
    assert list(tmp_path.iterdir()) == []


def test_what_is_torn_or_of_others_is_passed_over(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
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


def test_a_picture_is_kept_without_strokes_in_its_own_colours(tmp_path: Path) -> None:
    picture = Image.new("RGB", (3, 2), (10, 20, 30))
    Corrections(tmp_path).keep(picture, (), 0)
    (read,) = Corrections(tmp_path)
    assert read.strokes == ()
    with Image.open(read.path) as image:
        assert (image.mode, image.size, image.getpixel((2, 1))) == ("RGB", (3, 2), (10, 20, 30))


def test_numbers_of_strokes_come_back_to_the_last_bit(tmp_path: Path) -> None:
    strokes = (Stroke(((0.1 + 0.2, 1 / 3), (-5e-324, 399.99999999999994)), 2 / 7),)
    Corrections(tmp_path).keep(IMAGE, strokes, 1)
    (read,) = Corrections(tmp_path)
    assert read.strokes == strokes


@pytest.mark.usefixtures("stopped_clock")
def test_drawings_of_one_instant_do_not_take_each_others_place(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
    written = [
        kept.keep(Image.new("L", (9, 9), shade), STROKES, label, answered=str(shade))
        for shade, label in ((10, 3), (20, 3), (30, 3), (40, 4))
    ]
    read = list(kept)
    assert len({drawing.path for drawing in read}) == 4
    assert sorted(drawing.answered for drawing in read) == ["10", "20", "30", "40"]
    for drawing in read:
        with Image.open(drawing.path) as image:
            assert str(image.getpixel((0, 0))) == drawing.answered
    kept.remove(written[0])
    assert sorted(drawing.answered for drawing in kept) == ["20", "30", "40"]


@pytest.mark.usefixtures("stopped_clock")
def test_drawings_of_one_instant_keep_their_order(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
    for number in range(11):
        kept.keep(IMAGE, STROKES, 3, answered=str(number))
    assert [drawing.answered for drawing in kept] == [str(number) for number in range(11)]


def test_the_order_is_of_the_time_and_not_of_the_digit(tmp_path: Path) -> None:
    for day, label in ((9, 1), (2, 9), (5, 0)):
        name = tmp_path / f"202601{day:02}T000000-000000-{label}"
        IMAGE.save(name.with_suffix(".png"))
        content = {"label": label, "answered": "", "model_version": "", "strokes": []}
        time = f"2026-01-{day:02}T00:00:00+00:00"
        name.with_suffix(".json").write_text(json.dumps({**content, "time": time}))
    assert [drawing.time.day for drawing in Corrections(tmp_path)] == [2, 5, 9]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"label": 3}',
        b'{"label": -1, "answered": "", "model_version": "", "time": "2026-01-01", "strokes": []}',
        b'{"label": 3, "answered": "", "model_version": "", "time": "noon", "strokes": []}',
        b'{"label": 3, "answered": "", "model_version": "", "time": "2026-01-01", "strokes": [[]]}',
        b'{"label": Infinity}',
        b"[" * 100_000,
    ],
)
def test_whatever_stands_in_a_torn_file_the_others_are_read(tmp_path: Path, content: bytes) -> None:
    kept = Corrections(tmp_path)
    torn = kept.keep(IMAGE, STROKES, 3)
    whole = kept.keep(IMAGE, STROKES, 4)
    torn.path.with_suffix(".json").write_bytes(content)
    assert [drawing.path for drawing in kept] == [whole.path]


def test_a_drawing_that_was_not_written_to_its_end_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Corrections(tmp_path)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            kept.keep(IMAGE, STROKES, 3)
    assert list(kept) == []
    whole = kept.keep(IMAGE, STROKES, 3)
    assert list(kept) == [whole]


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        kept = Corrections(folder)
        assert list(kept) == []
        with pytest.raises(OSError, match="file"):
            kept.keep(IMAGE, STROKES, 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_closed_is_an_error_of_the_system(tmp_path: Path) -> None:
    kept = Corrections(tmp_path)
    drawing = kept.keep(IMAGE, STROKES, 3)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            kept.keep(IMAGE, STROKES, 4)
        with pytest.raises(PermissionError):
            kept.remove(drawing)
        assert list(kept) == [drawing]
    finally:
        tmp_path.chmod(0o700)
