"""Labels from folder names and from files."""

from pathlib import Path

import pytest

from digits_client.batch.errors import UnusableFileError
from digits_client.batch.labels import FileLabels, FolderLabels


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("scans/7/a.png", "7"),
        ("7/a.png", "7"),
        ("scans.zip/test/0/a.png", "0"),
        ("s3://bucket/9/a.png", "9"),
        ("scans/7/deep/er/a.png", "7"),
        ("3/scans/7/page 2/a.png", "7"),  # the nearest counts
        ("scans/10/a.png", None),
        ("3/10/a.png", "3"),
        ("scans/\u0667/a.png", None),  # Arabic-Indic 7
        ("7.png", None),
        ("7", None),
    ],
)
def test_the_nearest_folder_named_after_a_digit_labels_the_images_below_it(
    path: str, label: str | None
) -> None:
    assert FolderLabels().of(path) == label


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("meters/2026/a.png", "2026"),
        ("meters/007/a.png", "007"),
        ("meters/7/a.png", "7"),
        ("2025/meters/0420/north/a.png", "0420"),
        ("meters/20-26/a.png", None),
        ("meters/\u0667\u0667/a.png", None),
        ("2026", None),
    ],
)
def test_a_folder_named_by_a_number_labels_the_numbers_in_it(path: str, label: str | None) -> None:
    assert FolderLabels(are_numbers=True).of(path) == label


def test_a_file_labels_numbers_if_they_are_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, "labels.csv", "path,label\na.png,0420\n")
    assert FileLabels(file, are_numbers=True).of("a.png") == "0420"
    with pytest.raises(UnusableFileError, match="a label from 0 to 9"):
        FileLabels(file)
    other = write(tmp_path, "other.csv", "path,label\na.png,4x\n")
    with pytest.raises(UnusableFileError, match="line 2 needs a path and a label of digits"):
        FileLabels(other, are_numbers=True)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return file


CSV = "label,path,by\n3,scans/a.png,me\n4,scans/b.png,me\n5,other/b.png,me\n6,l-\udce4.png,me\n"
JSON_LINES = (
    '{"path": "scans/a.png", "label": 3}\n{"path": "scans/b.png", "label": "4"}\n'
    '{"path": "other/b.png", "label": 5}\n{"path": "l-\udce4.png", "label": 6}\n'
)


@pytest.mark.parametrize(("name", "text"), [("labels.csv", CSV), ("labels.jsonl", JSON_LINES)])
def test_paths_in_a_file_match_as_written_or_relative_to_its_folder(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    labels = FileLabels(write(tmp_path, name, text))
    assert labels.of("scans/a.png") == "3"
    assert labels.of(f"{tmp_path}/scans/a.png") == "3"
    assert labels.of(f"{tmp_path}/scans/../scans/b.png") == "4"
    assert labels.of(f"{tmp_path}/other/b.png") == "5"
    assert labels.of("l-\udce4.png") == "6"
    assert labels.of("elsewhere/a.png") == "3"  # the name is unique
    assert labels.of("elsewhere/b.png") is None
    assert labels.of("c.png") is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.csv",
            "path,label\na.png,ten\n",
            r"x\.csv: line 2 needs a path and a label from 0 to 9",
        ),
        ("x.csv", "path,label\na.png,1\n,2\n", "line 3 needs a path and a label from 0 to 9"),
        ("x.csv", 'path,label\n"a\n.png",1\nb.png,10\n', "line 4 needs a path and a label"),
        ("x.csv", "name,digit\na.png,1\n", "the first line needs the columns path and label"),
        ("x.csv", "", "the first line needs the columns path and label"),
        ("x.jsonl", '{"path": "a.png", "label": 11}\n', "line 1 needs a path and a label"),
        ("x.jsonl", '\n{"path": "a.png", "label": true}\n', "line 2 needs a path and a label"),
        ("x.jsonl", "[]\n", "line 1 needs a path"),
        ("x.jsonl", "nonsense\n", "is neither CSV nor JSON lines"),
    ],
)
def test_an_invalid_line_is_reported_with_its_number(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UnusableFileError, match=message):
        FileLabels(write(tmp_path, name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "\ufeffpath,label\r\na.png,3\r\n"),  # as spreadsheets write it
        ("x.jsonl", '{"path": "a.png", "label": 3}\n\n'),
    ],
)
def test_byte_order_marks_and_blank_lines_are_accepted(
    name: str, text: str, tmp_path: Path
) -> None:
    assert FileLabels(write(tmp_path, name, text)).of("a.png") == "3"


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UnusableFileError, match=r"cannot read .*: No such file or directory"):
        FileLabels(tmp_path / "missing.csv")
