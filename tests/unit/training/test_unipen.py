"""Tests of the recordings of many writers: which are used, and which are held out."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from digits_training import unipen
from digits_training.datasets import DatasetError
from digits_training.recordings import NOT_A_DIGIT, Part

STROKES = [[[0, 0], [30, 40.5]], [], [[10, 10]]]


def write(path: Path, rows: Iterable[tuple[object, str]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for label, writer in rows:
            row = {"label": label, "writer": writer, "source": "unipen-x", "strokes": STROKES}
            lines.write(json.dumps(row) + "\n")


def test_digits_are_loaded_without_empty_strokes_and_without_the_faulty_source(
    tmp_path: Path,
) -> None:
    write(tmp_path / unipen.UNIPEN_DIGITS_FILE, [(7, "apa-Ann"), (1, "ibm-r01"), (0, "syn-bo")])
    digits = unipen.load_unipen_digits(tmp_path)
    assert [(each.label, each.writer) for each in digits] == [(7, "apa-Ann"), (0, "syn-bo")]
    assert [stroke.shape for stroke in digits[0].strokes] == [(2, 2), (1, 2)]


def test_signs_are_not_digits_and_none_looks_like_one(tmp_path: Path) -> None:
    characters = "AOoxlI|Zyé&+"
    rows = [(character, "apa-Ann") for character in characters]
    write(tmp_path / unipen.UNIPEN_SIGNS_FILE, rows)
    signs = unipen.load_unipen_signs(tmp_path)
    assert "".join(sign.character for sign in signs) == "Axyé&+"
    assert {sign.label for sign in signs} == {NOT_A_DIGIT}


def test_each_writer_belongs_to_one_part_and_a_tenth_is_held_out_twice(tmp_path: Path) -> None:
    writers = [f"apa-{number}" for number in range(2000)]
    write(tmp_path / unipen.UNIPEN_DIGITS_FILE, [(1, writer) for writer in writers])
    write(tmp_path / unipen.UNIPEN_SIGNS_FILE, [("x", writer) for writer in writers])
    names: tuple[Part, ...] = ("training", "validation", "test")
    parts = {
        name: [each.writer for each in unipen.load_unipen_digits(tmp_path, name)] for name in names
    }
    assert sorted(writer for part in parts.values() for writer in part) == sorted(writers)
    for name in names:
        signs = unipen.load_unipen_signs(tmp_path, name)
        assert [each.writer for each in signs] == parts[name]
        assert name == "training" or 150 < len(parts[name]) < 250


def test_the_parts_of_real_writers_never_change() -> None:
    # A model trained after such a change would have seen writers that it is measured with.
    assert unipen.part_of("gmd-kast") == "training"
    assert unipen.part_of("syn-rkt-dig19") == "validation"
    assert unipen.part_of("ced-MWBK4038") == "test"


@pytest.mark.parametrize("content", [None, b"", b"something else", gzip.compress(b"{}\n", mtime=0)])
def test_missing_or_broken_recordings_are_an_error(content: bytes | None, tmp_path: Path) -> None:
    for name in (unipen.UNIPEN_DIGITS_FILE, unipen.UNIPEN_SIGNS_FILE):
        if content is not None:
            (tmp_path / name).write_bytes(content)
    for load in (unipen.load_unipen_digits, unipen.load_unipen_signs):
        with pytest.raises(DatasetError, match="cannot be read as pen strokes"):
            load(tmp_path)
