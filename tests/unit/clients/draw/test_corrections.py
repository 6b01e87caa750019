"""Corrections in a folder."""

import json
import os
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from PIL import Image

from digits_client.draw import corrections as corrections_module
from digits_client.draw.corrections import Correction, Corrections, default_folder
from digits_client.draw.strokes import Stroke, draw

STROKES = (Stroke(((1.5, 2.25), (30.0, 4.0)), 7.5), Stroke(((9.0, 9.0),), 20.0, erases=True))
IMAGE = draw(STROKES, (40, 40))


class StoppedClock(datetime):
    """A clock whose time is always the same."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls(2026, 1, 2, 3, 4, 5, 6, tzinfo=tz)


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections_module, "datetime", StoppedClock)


def test_a_correction_is_read_as_it_was_added(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path / "new" / "folder")
    assert list(corrections) == []
    written = corrections.add(IMAGE, STROKES, 4, predicted="9", model_version="3")
    (read,) = Corrections(tmp_path / "new" / "folder")
    assert read == written
    assert (read.label, read.predicted, read.model_version) == (4, "9", "3")
    assert read.strokes == STROKES
    with Image.open(read.path) as image:
        assert np.array_equal(np.asarray(image), np.asarray(IMAGE))


def test_corrections_are_iterated_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    for label in (3, 1, 2):
        corrections.add(IMAGE, STROKES, label)
    assert [correction.label for correction in corrections] == [3, 1, 2]


def test_a_removed_correction_leaves_no_files(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    correction = corrections.add(IMAGE, STROKES, 3)
    corrections.remove(correction)
    corrections.remove(correction)
    assert list(tmp_path.iterdir()) == []


def test_incomplete_corrections_and_other_files_are_skipped(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    whole = corrections.add(IMAGE, STROKES, 3)
    damaged = corrections.add(IMAGE, STROKES, 5)
    text = damaged.path.with_suffix(".json").read_text()
    damaged.path.with_suffix(".json").write_text(text[:40])
    corrections.add(IMAGE, STROKES, 6).path.unlink()
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "20260101T000000-000000-7.json").write_text('{"label": 12}')
    assert [correction.path for correction in corrections] == [whole.path]


def test_the_default_folder_is_an_absolute_path_for_this_application() -> None:
    assert default_folder().is_absolute()
    assert "digits" in str(default_folder())


def test_a_picture_is_saved_without_strokes_and_in_color(tmp_path: Path) -> None:
    picture = Image.new("RGB", (3, 2), (10, 20, 30))
    Corrections(tmp_path).add(picture, (), 0)
    (read,) = Corrections(tmp_path)
    assert read.strokes == ()
    with Image.open(read.path) as image:
        assert (image.mode, image.size, image.getpixel((2, 1))) == ("RGB", (3, 2), (10, 20, 30))


def test_coordinates_of_strokes_are_read_back_exactly(tmp_path: Path) -> None:
    strokes = (Stroke(((0.1 + 0.2, 1 / 3), (-5e-324, 399.99999999999994)), 2 / 7),)
    Corrections(tmp_path).add(IMAGE, strokes, 1)
    (read,) = Corrections(tmp_path)
    assert read.strokes == strokes


@pytest.mark.usefixtures("stopped_clock")
def test_corrections_of_the_same_instant_do_not_overwrite_each_other(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    written = [
        corrections.add(Image.new("L", (9, 9), shade), STROKES, label, predicted=str(shade))
        for shade, label in ((10, 3), (20, 3), (30, 3), (40, 4))
    ]
    read = list(corrections)
    assert len({correction.path for correction in read}) == 4
    assert sorted(correction.predicted for correction in read) == ["10", "20", "30", "40"]
    for correction in read:
        with Image.open(correction.path) as image:
            assert str(image.getpixel((0, 0))) == correction.predicted
    corrections.remove(written[0])
    assert sorted(correction.predicted for correction in corrections) == ["20", "30", "40"]


@pytest.mark.usefixtures("stopped_clock")
def test_corrections_of_the_same_instant_stay_in_order(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    for number in range(11):
        corrections.add(IMAGE, STROKES, 3, predicted=str(number))
    assert [correction.predicted for correction in corrections] == [
        str(number) for number in range(11)
    ]


def test_corrections_are_sorted_by_time_and_not_by_digit(tmp_path: Path) -> None:
    for day, label in ((9, 1), (2, 9), (5, 0)):
        name = tmp_path / f"202601{day:02}T000000-000000-{label}"
        IMAGE.save(name.with_suffix(".png"))
        content = {"label": label, "answered": "", "model_version": "", "strokes": []}
        time = f"2026-01-{day:02}T00:00:00+00:00"
        name.with_suffix(".json").write_text(json.dumps({**content, "time": time}))
    assert [correction.time.day for correction in Corrections(tmp_path)] == [2, 5, 9]


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
def test_a_damaged_file_does_not_prevent_reading_the_others(tmp_path: Path, content: bytes) -> None:
    corrections = Corrections(tmp_path)
    damaged = corrections.add(IMAGE, STROKES, 3)
    whole = corrections.add(IMAGE, STROKES, 4)
    damaged.path.with_suffix(".json").write_bytes(content)
    assert [correction.path for correction in corrections] == [whole.path]


def test_a_correction_that_could_not_be_written_does_not_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrections = Corrections(tmp_path)

    def fail(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            corrections.add(IMAGE, STROKES, 3)
    assert list(corrections) == []
    whole = corrections.add(IMAGE, STROKES, 3)
    assert list(corrections) == [whole]


def test_a_folder_that_cannot_be_created_raises_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        corrections = Corrections(folder)
        assert list(corrections) == []
        with pytest.raises(OSError, match="file"):
            corrections.add(IMAGE, STROKES, 3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_read_only_folder_raises_an_os_error(tmp_path: Path) -> None:
    corrections = Corrections(tmp_path)
    correction = corrections.add(IMAGE, STROKES, 3)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            corrections.add(IMAGE, STROKES, 4)
        with pytest.raises(PermissionError):
            corrections.remove(correction)
        assert list(corrections) == [correction]
    finally:
        tmp_path.chmod(0o700)


def test_files_written_by_version_0_1_are_read(tmp_path: Path) -> None:
    name = tmp_path / "20260102T030405-000006-7-2"
    IMAGE.save(name.with_suffix(".png"))
    content = {
        "label": 7,
        "answered": "not_a_digit",
        "model_version": "3",
        "time": "2026-01-02T03:04:05.000006+00:00",
        "strokes": [{"points": [[1.5, 2.25], [30.0, 4.0]], "width": 7.5, "erases": False}],
    }
    name.with_suffix(".json").write_text(json.dumps(content))
    assert list(Corrections(tmp_path)) == [
        Correction(
            path=name.with_suffix(".png"),
            label=7,
            predicted="not_a_digit",
            model_version="3",
            time=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
            strokes=STROKES[:1],
        )
    ]
