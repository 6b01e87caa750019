"""Files that are images, and files that lie among images."""

import zipfile
from pathlib import Path

import pytest

from digits_client.errors import InvalidImageError
from digits_client.sources import NotAnImageError, Selection, find, item, missing_reason

LIMIT = 1000
SIGNATURES = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff\xe0",
    "webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "bmp": b"BM\x36\0\0\0\0\0\0\0",
    "gif": b"GIF89a",
    "tiff, little-endian": b"II*\0",
    "tiff, big-endian": b"MM\0*",
    "bigtiff": b"II+\0",
}
OTHERS = {
    "notes.txt": b"BMW, 7 images",
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "sound.wav": b"RIFF\0\0\0\0WAVEfmt ",
    "__init__.py": b"",
    "video.mp4": bytes(LIMIT + 1),
}


@pytest.fixture(autouse=True)
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    return tmp_path / "scans"


def results(*arguments: str) -> dict[str, bytes | InvalidImageError]:
    """Return the content or the error of each file, by its name."""
    found: dict[str, bytes | InvalidImageError] = {}
    for each in find(arguments, Selection(only_images=True)):
        try:
            found[Path(each.path).name] = each.read(LIMIT)
        except InvalidImageError as error:
            found[Path(each.path).name] = error
    return found


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_a_file_with_the_signature_of_an_image_is_one_whatever_its_name(
    signature: bytes, scans: Path
) -> None:
    (scans / "scan").write_bytes(signature)
    (scans / "scan.bin").write_bytes(signature)
    assert results("scans") == {"scan": signature, "scan.bin": signature}


def test_other_files_in_a_folder_and_in_an_archive_can_be_skipped(scans: Path) -> None:
    with zipfile.ZipFile("scans.zip", "w") as archive:
        for name, content in OTHERS.items():
            (scans / name).write_bytes(content)
            archive.writestr(name, content)
    for argument in ("scans", "scans.zip", "scans/*"):
        found = results(argument)
        assert found.keys() == OTHERS.keys()
        for name, error in found.items():
            assert isinstance(error, NotAnImageError), name
            assert error.kind is None


def test_a_file_that_was_named_is_never_skipped(scans: Path) -> None:
    for name, content in OTHERS.items():
        (scans / name).write_bytes(content)
    found = results(*(f"scans/{name}" for name in OTHERS))
    assert not any(isinstance(each, NotAnImageError) for each in found.values())
    assert found["notes.txt"] == OTHERS["notes.txt"]  # the server says which formats it reads
    assert str(found["__init__.py"]) == "is an empty file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (bytes(LIMIT + 1), f"has {LIMIT + 1} bytes; the server accepts at most {LIMIT}"),
    ],
)
def test_a_file_that_is_named_like_an_image_fails_instead(
    content: bytes, message: str, scans: Path
) -> None:
    (scans / "7.PNG").write_bytes(content)
    error = results("scans")["7.PNG"]
    assert isinstance(error, InvalidImageError)
    assert not isinstance(error, NotAnImageError)
    assert str(error) == message


def test_text_in_a_file_that_is_named_like_an_image_is_left_to_the_server(scans: Path) -> None:
    (scans / "7.png").write_bytes(b"<html>")
    assert results("scans") == {"7.png": b"<html>"}


def test_pdf_and_svg_files_are_known_by_name_and_not_read(scans: Path) -> None:
    for name in ("a.pdf", "b.SVG"):
        (scans / name).mkdir()  # reading it would fail
        (scans / name).rmdir()
        (scans / name).symlink_to("nowhere")
    kinds = {
        name: error.kind
        for name, error in results("scans").items()
        if isinstance(error, NotAnImageError)
    }
    assert kinds == {"a.pdf": "PDF", "b.SVG": "SVG"}
    with pytest.raises(InvalidImageError, match=r"^is a PDF, whose pages are read with --pages$"):
        item("scans/a.pdf").read(LIMIT)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.png", "does not exist"),
        ("nowhere/7.png", "does not exist"),
        ("", "does not exist"),
        ("scans/*.gif", "matches no file"),
        ("empty", "is an empty folder"),
        ("empty/", "is an empty folder"),
        ("em*", "matches only empty folders"),
        ("empty.zip", "is an empty archive"),
        ("some.zip/9.png", "does not exist"),
        ("some.zip/*.gif", "matches no file"),
        ("scans", None),
        ("scans/7.png", None),
        ("scans/*.png", None),
        ("some.zip", None),
        ("some.zip/7.png", None),
        ("some.zip/*.png", None),
        ("dangling", None),  # its row has the reason
        ("https://127.0.0.1:1/7.png", None),
    ],
)
def test_a_path_that_names_nothing_has_a_reason(path: str, reason: str | None, scans: Path) -> None:
    (scans / "7.png").write_bytes(SIGNATURES["png"])
    (scans.parent / "empty").mkdir()
    (scans.parent / "empty" / ".hidden").touch()
    (scans.parent / "dangling").symlink_to("nowhere")
    zipfile.ZipFile("empty.zip", "w").close()
    with zipfile.ZipFile("some.zip", "w") as archive:
        archive.writestr("7.png", SIGNATURES["png"])
    assert missing_reason(path, Selection(only_images=True)) == reason


def test_a_folder_in_which_nothing_is_selected_is_not_called_empty(scans: Path) -> None:
    (scans / "7.png").write_bytes(SIGNATURES["png"])
    reason = missing_reason("scans", Selection(include=("*.gif",)))
    assert reason == "has no file that --include and --exclude let through"
