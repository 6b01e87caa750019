"""Tests of the evaluation sets that are drawn from the strokes of writers who are held out."""

import gzip
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits_training import drawn_sets, eval_sets, scenes, unipen
from digits_training.eval_set import EvalSet
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT

# A training writer, a validation writer and a test writer.
WRITERS = ("gmd-kast", "syn-rkt-dig19", "ced-MWBK4038")


@pytest.fixture(scope="module")
def folder(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small sets of pen strokes and letters, with digits and signs of UNIPEN."""
    folder = tmp_path_factory.mktemp("unipen")
    shutil.copytree(data_dir, folder, dirs_exist_ok=True)
    for name, labels in (
        (unipen.UNIPEN_DIGITS_FILE, range(10)),
        (unipen.UNIPEN_SIGNS_FILE, "Ax#O"),
    ):
        with gzip.open(folder / name, "wt") as lines:
            for writer in WRITERS:
                for label in labels:
                    strokes = [[[0, 0], [40, 60]], [[40, 0], [0, 70]]]
                    row = {"label": label, "writer": writer, "source": "x", "strokes": strokes}
                    lines.write(json.dumps(row) + "\n")
    return folder


@pytest.fixture
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scenes of each kind."""
    monkeypatch.setattr(drawn_sets, "SCENES_PER_KIND", 2)


def test_digits_and_signs_are_those_of_the_writers_of_one_part(folder: Path) -> None:
    parts: tuple[drawn_sets.HeldOutPart, ...] = ("validation", "test")
    for part in parts:
        digits = drawn_sets.unipen_set(folder, part)
        assert digits.labels.tolist() == list(range(10))
        assert {image.shape for image in digits.images} == {(300, 300)}
        letters, signs = drawn_sets.sign_sets(folder, part)
        assert letters.labels.tolist() == [NOT_A_DIGIT] * 2
        assert signs.labels.tolist() == [NOT_A_DIGIT]
        assert len(drawn_sets.pendigits_set(folder, part).labels) == 20


def test_pens_are_8_to_28_pixels_wide(folder: Path) -> None:
    for image in drawn_sets.unipen_set(folder).images:
        # Two crossing lines of at least 100 pixels each.
        ink = float((image < 128).sum())
        assert 8 * 150 < ink < 28 * 700


@pytest.mark.usefixtures("few_scenes")
def test_scenes_are_files_of_each_kind_that_decode_to_their_images(folder: Path) -> None:
    sets = drawn_sets.scene_sets(folder)
    assert [each.name for each in sets] == [f"scenes-{kind}" for kind in scenes.SCENE_KINDS]
    for each in sets:
        assert len(each.files) == len(each.images) == len(each.labels) == 2
        for content, gray in zip(each.files, each.images, strict=True):
            with Image.open(io.BytesIO(content)) as image:
                assert image.size == gray.shape[::-1]
    assert not sets[scenes.SCENE_KINDS.index("slashed")].labels.any()


@pytest.mark.usefixtures("few_scenes")
def test_scenes_for_validation_differ_from_those_of_the_test(folder: Path) -> None:
    pairs = zip(
        drawn_sets.scene_sets(folder), drawn_sets.scene_sets(folder, "validation"), strict=True
    )
    for test, validation in pairs:
        assert test.name == validation.name
        assert test.files != validation.files


def test_blank_images_are_of_every_kind() -> None:
    blank = drawn_sets.blank_set()
    assert len(blank.files) == len(scenes.BLANK_KINDS)
    assert set(blank.labels.tolist()) == {NO_WRITING}
    assert blank.is_blank
    assert not blank.has_digits


@pytest.mark.usefixtures("few_scenes")
def test_what_is_missing_is_skipped_with_a_note(
    folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    sets, notes = eval_sets.validation_sets(folder)
    names = [each.name for each in sets]
    assert not notes
    assert names[:5] == ["strokes", "unipen", "letters", "unipen-letters", "unipen-signs"]
    assert names[5:] == [*(f"scenes-{kind}" for kind in scenes.SCENE_KINDS), "blank"]
    sets, notes = eval_sets.validation_sets(data_dir)  # without UNIPEN
    assert [each.name for each in sets] == ["strokes", "letters", "blank"]
    assert len(notes) == 3
    assert all(note.startswith("skipped: ") for note in notes)
    sets, notes = eval_sets.validation_sets(tmp_path)
    assert [each.name for each in sets] == ["blank"]
    assert len(notes) == 5


def test_a_part_of_a_set_has_its_files() -> None:
    files = [b"one", b"two", b"three"]
    images = [np.full((2, 2), level, np.uint8) for level in (1, 2, 3)]
    whole = EvalSet("a", "A", images, np.array([1, 2, 3], np.uint8), files)
    part = whole.take("b", "B", np.array([2, 0]))
    assert part.name == "b"
    assert part.files == [b"three", b"one"]
    assert part.labels.tolist() == [3, 1]
    assert [int(image[0, 0]) for image in part.images] == [3, 1]
