"""Sets of images of numbers for evaluation."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits_training.datasets import DatasetError
from digits_training.number_sets import available_number_sets, own_number_set


@pytest.fixture
def own_numbers(tmp_path: Path) -> Path:
    """A data folder with two files of people's own."""
    folder = tmp_path / "wild-numbers"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        content = io.BytesIO()
        Image.new("L", (40, 20), 255).save(content, "PNG")
        (folder / name).write_bytes(content.getvalue())
    rows = [{"file": "a.png", "label": "2026"}, {"file": "b.png", "label": "007"}]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_peoples_own_numbers_have_their_texts(own_numbers: Path) -> None:
    number_set = own_number_set(own_numbers)
    assert number_set.texts == ["2026", "007"]
    assert [image.shape for image in number_set.images] == [(20, 40)] * 2
    assert np.unique(number_set.images[0]).tolist() == [255]


def test_sets_without_data_are_skipped_with_a_note(own_numbers: Path, tmp_path: Path) -> None:
    sets, notes = available_number_sets(own_numbers)
    assert [each.name for each in sets] == ["wild-numbers"]
    assert len(notes) == 1  # there are no pen strokes
    sets, notes = available_number_sets(tmp_path / "nothing")
    assert (sets, len(notes)) == ([], 2)


@pytest.mark.parametrize("manifest", ["", "{", '{"file": "a.png"}', '{"file": "c.png"}', "[]", "7"])
def test_a_broken_folder_is_an_error(own_numbers: Path, manifest: str) -> None:
    (own_numbers / "wild-numbers" / "manifest.jsonl").write_text(manifest)
    with pytest.raises(DatasetError, match="cannot be read"):
        own_number_set(own_numbers)


def test_a_broken_file_is_an_error(own_numbers: Path) -> None:
    (own_numbers / "wild-numbers" / "b.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="cannot be read"):
        own_number_set(own_numbers)
