"""Pages of TIFF and PDF files as images of their own."""

import io
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from digits_client.errors import InvalidImageError
from digits_client.sources import (
    Selection,
    containing_file,
    copy_name,
    documents,
    find,
    is_inside_another,
    item,
    missing_reason,
    pages,
    with_pages,
)

LIMIT = 100_000
SHADES = (10, 100, 200)


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pages._open.cache_clear()


def save(name: str, *shades: int, mode: str = "L", side: int = 30) -> None:
    """Write a file with a page of each shade."""
    first, *others = (Image.new("L", (side, side), shade).convert(mode) for shade in shades)
    first.save(name, save_all=True, append_images=others)


def decoded(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=("PNG", "TIFF"))


def paths(*arguments: str) -> list[str]:
    return [found.path for found in with_pages(find(arguments, Selection(only_images=True)))]


def reason(path: str) -> str:
    (found,) = with_pages(find([path]))
    with pytest.raises(InvalidImageError) as caught:
        found.read(LIMIT)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "CMYK", "I;16", "F"])
def test_each_page_of_a_tiff_is_an_item_that_is_found_again_by_its_path(mode: str) -> None:
    save("scan.tif", *SHADES, mode=mode)
    found = list(with_pages(find(["scan.tif"])))
    assert [page.path for page in found] == ["scan.tif#1", "scan.tif#2", "scan.tif#3"]
    for page, shade in zip(found, SHADES, strict=True):
        content = page.read(LIMIT)
        assert item(page.path).read(LIMIT) == content
        assert find([page.path], globs=False).__next__().read(LIMIT) == content
        image = decoded(content)
        assert image.size == (30, 30)
        if mode == "L":
            assert image.getpixel((0, 0)) == shade


def test_a_tiff_of_one_page_keeps_its_path_and_its_content() -> None:
    save("scan.tiff", 10)
    (found,) = with_pages(find(["scan.tiff"]))
    assert found.path == "scan.tiff"
    assert found.read(LIMIT) == Path("scan.tiff").read_bytes()


def test_pages_are_found_in_folders_and_archives_next_to_other_files() -> None:
    Path("in").mkdir()
    save("in/a.TIF", 10, 20)
    save("in/b.png", 10)
    with zipfile.ZipFile("in.zip", "w") as archive:
        archive.write("in/a.TIF")
        archive.write("in/b.png")
    assert paths("in", "in.zip") == [
        *("in/a.TIF#1", "in/a.TIF#2", "in/b.png"),
        *("in.zip/in/a.TIF#1", "in.zip/in/a.TIF#2", "in.zip/in/b.png"),
    ]
    page = item("in.zip/in/a.TIF#2")
    assert decoded(page.read(LIMIT)).getpixel((0, 0)) == 20
    assert containing_file("in.zip/in/a.TIF#2") == "in.zip"
    assert containing_file("in/a.TIF#2") == "in/a.TIF"
    assert is_inside_another("in/a.TIF#2")
    assert copy_name("in/a.TIF#2") == "a.TIF#2.png"


def test_a_file_whose_name_looks_like_a_page_is_the_file() -> None:
    save("scan.tif", 10, 20)
    Path("scan.tif#2").write_bytes(b"content")
    assert item("scan.tif#2").read(LIMIT) == b"content"
    assert not is_inside_another("scan.tif#2")


def test_a_page_on_the_command_line_exists_if_its_file_does() -> None:
    save("scan.tif", 10, 20)
    assert missing_reason("scan.tif#2", Selection()) is None
    assert missing_reason("scan.tif#3", Selection()) is None  # its row has the reason
    assert missing_reason("other.tif#2", Selection()) == "does not exist"
    assert reason("scan.tif#3") == "is not in the file, which has 2 pages"
    assert reason("other.tif#1") == "cannot be read: No such file or directory"


def test_a_file_of_too_many_pages_fails_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (documents, pages):
        monkeypatch.setattr(module, "MAX_PAGES", 2)
    save("scan.tif", *SHADES)
    assert reason("scan.tif") == "has more than 2 pages"


def test_a_page_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    save("scan.tif", 10, 20)
    monkeypatch.setattr(documents, "MAX_PAGE_PIXELS", 899)
    assert reason("scan.tif#2") == "has 900 pixels; a page may have 899"


def test_a_broken_tiff_is_left_to_the_server_and_a_broken_page_fails_alone() -> None:
    Path("scan.tif").write_bytes(b"II*\0 and no more")
    assert [found.read(LIMIT) for found in with_pages(find(["scan.tif"]))] == [b"II*\0 and no more"]
    save("cut.tif", *SHADES, side=300)
    content = Path("cut.tif").read_bytes()
    Path("cut.tif").write_bytes(content[:-1000])
    assert reason("cut.tif#3").startswith("is ")


def test_pages_are_read_by_several_threads() -> None:
    for number in range(8):
        save(f"{number}.tif", *SHADES)
    found = list(with_pages(find([f"{number}.tif" for number in range(8)])))
    with ThreadPoolExecutor(4) as pool:
        contents = list(pool.map(lambda page: page.read(LIMIT), found))
    assert [decoded(content).getpixel((0, 0)) for content in contents] == [*SHADES] * 8


def test_a_page_that_is_too_large_to_be_sent_is_sent_in_half_the_size() -> None:
    Image.effect_noise((200, 100), 90).save("scan.tif", save_all=True)
    with Image.open("scan.tif") as noise:
        noise.save("scan.tif", save_all=True, append_images=[noise.copy()])
    assert decoded(item("scan.tif#2").read(10_000)).size == (100, 50)


def test_each_page_of_a_pdf_is_rendered_within_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    save("scan.pdf", *SHADES, side=72)  # at 72 dots per inch
    assert paths("scan.pdf") == ["scan.pdf#1", "scan.pdf#2", "scan.pdf#3"]
    image = decoded(item("scan.pdf#2").read(LIMIT))
    assert image.size == (200, 200)
    assert image.mode == "L"
    shade = image.getpixel((100, 100))
    assert isinstance(shade, int)
    assert abs(shade - 100) < 5
    monkeypatch.setattr(documents, "MAX_PAGE_PIXELS", 10_000)
    assert decoded(item("scan.pdf#2").read(LIMIT)).size == (100, 100)
    Path("broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    assert reason("broken.pdf") == "is not a PDF, is broken, or needs a password"


def test_without_pypdfium2_a_pdf_is_an_error_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    save("scan.pdf", *SHADES)
    assert reason("scan.pdf") == "is a PDF, which needs pip install 'digits[pdf]'"
