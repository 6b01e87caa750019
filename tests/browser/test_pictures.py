"""Pictures that are pasted, dropped, opened or clicked."""

import base64
from pathlib import Path

import pytest
from PIL import Image

from scripts.browser import Browser
from scripts.pen_strokes import THREE

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NUMBER = SAMPLES / "numbers" / "2026" / "spaced.png"

# Sends the event of a paste or a drop with files, as the browser does.
TRANSFER = """
const [kind, files] = arguments;
const transfer = new DataTransfer();
for (const [name, type, content] of files) {
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type }));
}
const event = kind === "paste"
  ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true })
  : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
document.body.dispatchEvent(event);
"""


def transfer(page: Browser, kind: str, *paths: Path, mime_type: str = "image/png") -> None:
    """Paste or drop files."""
    files = [(path.name, mime_type, base64.b64encode(path.read_bytes()).decode()) for path in paths]
    page.script(TRANSFER, kind, files)


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_that_is_pasted_or_dropped_is_read(page: Browser, kind: str) -> None:
    transfer(page, kind, NUMBER)
    page.wait_until_read("2026")
    assert "the picture spaced.png" in str(page.find("#canvas").get_attribute("aria-label"))


def test_the_page_shows_where_a_picture_may_be_dropped(page: Browser) -> None:
    transfer(page, "dragover", NUMBER)
    assert page.find(".dropzone").is_displayed()
    transfer(page, "drop", NUMBER)
    assert not page.find(".dropzone").is_displayed()
    page.wait_until_read("2026")


def test_a_file_that_is_chosen_is_read(page: Browser) -> None:
    page.find("#file").send_keys(str(SAMPLES / "7" / "marker.png"))
    page.wait_until_read("7")


def test_a_sample_that_is_clicked_is_read(page: Browser) -> None:
    for tile in page.driver.find_elements("css selector", "#gallery button"):
        name = str(tile.find_element("css selector", "img").get_attribute("alt"))
        tile.click()
        number = name.partition(",")[0]
        page.wait_until_read("?" if number == "a star" else number)


def test_several_files_become_earlier_results(page: Browser) -> None:
    transfer(page, "drop", *(SAMPLES / str(digit) / "marker.png" for digit in range(10)))
    page.wait_until_text("#notice", "10 pictures were read")
    read = page.script(
        "return [...document.querySelectorAll('#history b')].map((b) => b.textContent)"
    )
    assert read == list("9876543210")


def test_a_broken_file_among_several_is_named(page: Browser, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(NUMBER.read_bytes()[:100])
    transfer(page, "drop", NUMBER, broken)
    page.wait_until_text("#notice", "1 picture was read")
    assert "broken.png:" in page.text("#notice")


def test_a_file_that_is_not_a_picture_is_named_in_words(page: Browser, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("2026")
    transfer(page, "drop", text, mime_type="text/plain")
    page.wait_until_text("#notice", "notes.txt is not a picture.")


def test_a_paste_without_a_picture_is_named_in_words(page: Browser) -> None:
    transfer(page, "paste")
    page.wait_until_text("#notice", "There is no picture")


def test_a_picture_that_the_browser_cannot_show_is_read_by_the_server(
    page: Browser, tmp_path: Path
) -> None:
    with Image.open(NUMBER) as image:
        image.save(tmp_path / "scan.tiff")
    transfer(page, "drop", tmp_path / "scan.tiff", mime_type="image/tiff")
    page.wait_until_text("#notice", "This browser cannot show scan.tiff")
    page.wait_until_read("2026")


def test_the_boxes_of_a_large_photo_are_over_its_digits(page: Browser, tmp_path: Path) -> None:
    with Image.open(NUMBER) as image:
        image.resize((4800, 1920)).save(tmp_path / "photo.jpg")
    transfer(page, "drop", NUMBER)
    page.wait_until_read("2026")
    places = "return [...document.querySelectorAll('#boxes div')].map((box) => box.offsetLeft)"
    small = page.script(places)
    transfer(page, "drop", tmp_path / "photo.jpg", mime_type="image/jpeg")
    page.wait_until("document.querySelector('#canvas').ariaLabel.includes('photo.jpg')")
    page.wait_until_read("2026")
    assert page.script(places) == pytest.approx(small, abs=8)


def test_a_stroke_on_a_picture_replaces_it(page: Browser) -> None:
    transfer(page, "drop", NUMBER)
    page.wait_until_read("2026")
    page.draw([[(200, 80), (200, 200), (200, 320)]])
    page.wait_until_read("1")
    page.find("#undo-button").click()
    page.wait_until_read("2026")


def test_a_file_that_changes_while_it_is_shown_stops_nothing(page: Browser, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    file.write_bytes(NUMBER.read_bytes())
    page.find("#file").send_keys(str(file))
    page.wait_until_read("2026")
    file.write_bytes(b"")
    page.find("#layout option[value=page]").click()  # for which the file is read again
    page.wait_until_text("#notice", "The image could not be recognized: ")
    page.draw([THREE])
    page.wait_until_read("3")
