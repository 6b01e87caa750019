"""The HTML report and its thumbnails: bounded, complete, and safe to open."""

import base64
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from digits_client.batch import html_report
from digits_client.batch.counters import Counters
from digits_client.batch.evaluation import DigitEvaluation, Evaluation
from digits_client.batch.number_evaluation import NumberEvaluation
from digits_client.batch.report_data import LIST_SIZE, SHEET_SIZE, ReportData
from digits_client.batch.rows import Row
from digits_client.batch.thumbnails import SIDE, thumbnail


class ParsedPage(HTMLParser):
    """The links, images and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.tiles: list[str | None] = []
        self.scripts: list[str] = []
        self.text = ""
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._tag = tag
        self.text += " " * (tag == "td")
        link = attributes.get("href") or ""
        if tag == "a" and not link.startswith("#"):
            self.links.append(link)
        if tag == "figure":
            self.tiles.append(attributes["title"])
        if tag == "img":
            self.images.append(attributes["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "script":
            self.scripts.append(data)
        elif self._tag != "style":
            self.text += data


def write(path: Path, *rows: Row, labels: dict[str, int] | None = None) -> ParsedPage:
    is_number = any(row.number for row in rows)
    evaluation: Evaluation = NumberEvaluation() if is_number else DigitEvaluation()
    report = ReportData(evaluation, unsure_below=0.8)
    for row in rows:
        label = labels.get(row.path) if labels else None
        report.add(row, label=None if label is None else str(label))
        if label is not None:
            evaluation.add(row, str(label))
    html_report.write(path, report, Counters(), 10**6)
    assert not path.with_name(path.name + ".part").exists()
    return ParsedPage(path.read_text("utf-8"))


@pytest.fixture
def image(tmp_path: Path) -> str:
    """The path of an image file."""
    folder = tmp_path / "my scans"
    folder.mkdir()
    Image.new("L", (300, 200), 90).save(folder / "7 #1.png")
    return str(folder / "7 #1.png")


def test_thumbnails_are_embedded_and_link_to_the_files(image: str, tmp_path: Path) -> None:
    page = write(tmp_path / "my scans" / ".." / "report.html", Row(image, "digit", 7, 0.6, "4"))
    assert page.links == ["my%20scans/7%20%231.png"] * 2  # of the thumbnail, and in the table
    assert (tmp_path / unquote(page.links[0])).is_file()
    [thumbnail_uri] = page.images
    assert thumbnail_uri.startswith("data:image/png;base64,")
    assert "7 60.0%" in page.text
    assert "model 4" in page.text


def test_links_are_relative_to_the_folder_of_the_page(image: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    page = write(tmp_path / "deep" / "report.html", Row(image, "digit", 7, 0.6, "4"))
    assert page.links == ["../my%20scans/7%20%231.png"] * 2


def test_archive_members_have_a_thumbnail_and_link_to_the_archive(
    image: str, tmp_path: Path
) -> None:
    archive = shutil.make_archive(str(tmp_path / "scans"), "zip", Path(image).parent)
    page = write(tmp_path / "r.html", Row(f"{archive}/7 #1.png", "digit", 7, 0.6, "4"))
    assert page.links == ["scans.zip"] * 2
    assert len(page.images) == 1


def test_missing_and_broken_images_have_no_thumbnail(tmp_path: Path) -> None:
    gone = Row(str(tmp_path / "gone.png"), "digit", 7, 0.6, "4")
    broken = Row(str(tmp_path / "broken.png"), error="image.encoded is truncated or corrupt")
    Path(broken.path).write_bytes(b"\x89PNG\r\n")
    page = write(tmp_path / "r.html", gone, broken)
    assert page.images == []
    assert "failed: image.encoded is truncated or corrupt" in page.text


def test_a_path_that_no_file_can_have_is_reported(tmp_path: Path) -> None:
    row = Row(f"{tmp_path}/a\0b.png", error="cannot be read: embedded null byte")
    page = write(tmp_path / "r.html", row)
    assert page.links == [f"{tmp_path}/a%00b.png"] * 2
    assert "failed: cannot be read: embedded null byte" in page.text


def test_names_are_escaped(tmp_path: Path) -> None:
    path = 'scans/<script>alert("7")</script>&\udce4\n.png'
    page = write(tmp_path / "r.html", Row(path, "digit", 7, 0.6, "4"))
    assert "script>&\ufffd" in page.text
    assert len(page.links) == 2
    assert len(page.scripts) == 1


def test_a_tile_names_folder_and_file(tmp_path: Path) -> None:
    rows = [Row("data/scans/7.png", "digit", 7, 0.6, "4"), Row("7.png", "digit", 7, 0.6, "4")]
    rows += [Row("s3://bucket/7.tif#2", error="no"), Row("/a/scans.zip/7/x.png", error="no")]
    write(tmp_path / "r.html", *rows)
    names = re.findall(r'<span class="name">(.*?)</span>', (tmp_path / "r.html").read_text())
    assert [name.replace("<wbr>", "") for name in names] == [
        *("scans/7.png", "7.png", "bucket/7.tif#2", "7/x.png")
    ]


def test_the_content_security_policy_blocks_everything_external(tmp_path: Path) -> None:
    write(tmp_path / "r.html")
    [script] = write(tmp_path / "r.html").scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = (tmp_path / "r.html").read_text()
    assert "default-src 'none'; img-src data:" in source
    assert f"script-src 'sha256-{digest}'" in source
    assert not re.search(r"\son\w+=", source)


def test_the_page_references_no_other_host(image: str, tmp_path: Path) -> None:
    write(tmp_path / "r.html", Row(image, "digit", 7, 0.6, "4"), labels={image: 7})
    assert not re.findall(
        r"(?:src|href)=\"https?:|url\(|@import", (tmp_path / "r.html").read_text()
    )


def test_contact_sheets_show_the_most_doubtful_images_and_the_total(
    tmp_path: Path,
) -> None:
    rows = [Row(f"{number:04}.png", "digit", 3, number / 1000, "4") for number in range(799, 0, -1)]
    rows += [Row(f"n{number}.png", "not_a_digit", None, number / 1000, "4") for number in range(90)]
    rows += [Row(f"f{number}.png", error="no") for number in range(3)]
    page = write(tmp_path / "r.html", *rows)
    assert page.tiles[:SHEET_SIZE] == [f"{number:04}.png" for number in range(1, SHEET_SIZE + 1)]
    assert page.tiles[SHEET_SIZE:][:2] == ["n89.png", "n88.png"]
    assert len(page.tiles) == 2 * SHEET_SIZE + 3
    assert "The first 60 of 799 are shown." in page.text
    assert "The first 60 of 90 are shown." in page.text
    assert "All 3 are shown." in page.text
    assert (tmp_path / "r.html").stat().st_size < 300_000


def test_the_least_confident_images_stop_at_what_is_sure(tmp_path: Path) -> None:
    rows = [Row(f"{number}.png", "digit", 3, number / 100, "4") for number in (99, 80, 79)]
    page = write(tmp_path / "r.html", *rows)
    before, _, after = page.text.partition("Sure digits")[2].partition("Sure digits")
    assert "a confidence below 80%; the least confident come first." in before
    assert "79.0%" in before
    assert "80.0%" not in before
    assert "80.0%" in after
    assert page.tiles == ["79.png", "99.png", "80.png"]
    assert "The confidence of none is below 80%." in write(tmp_path / "r.html", rows[0]).text


def test_a_number_with_a_place_that_is_not_a_digit_is_not_sure(tmp_path: Path) -> None:
    rows = [Row(f"{text}.png", "digit", None, 0.9, "3", number=text) for text in ("17", "1?")]
    page = write(tmp_path / "r.html", *rows)
    assert "below 80%, or with a place that is not a digit" in page.text
    assert page.tiles == ["1?.png", "17.png"]


def test_the_table_of_all_images_is_limited(tmp_path: Path) -> None:
    rows = [Row(f"a/{number}.png", "digit", 3, 1.0, "4") for number in range(LIST_SIZE + 1)]
    page = write(tmp_path / "r.html", *rows, labels={"a/1.png": 4})
    assert "Table of the first 2,000 of 2,001 images" in page.text
    assert len(page.links) == LIST_SIZE + 2 * SHEET_SIZE - (SHEET_SIZE - 1)
    assert (tmp_path / "r.html").stat().st_size < 600_000


def test_the_histogram_has_every_range_of_confidence(tmp_path: Path) -> None:
    page = write(tmp_path / "r.html", Row("7.png", "digit", 7, 0.97, "4"))
    text = page.text.replace("\n", "")
    ranges = [f"{start} to {start + 5} %" for start in range(0, 100, 5)]
    assert " 0 ".join(ranges) + " 1" in text
    source = (tmp_path / "r.html").read_text()
    assert source.count("<tr class=empty>") == 19 + 9 + 3  # ranges, digits and verdicts


def test_nothing_is_certain_and_what_is_not_a_digit_has_no_percentage(tmp_path: Path) -> None:
    rows = [
        Row("a.png", "digit", 7, 1.0, "4"),
        Row("b.png", "not_a_digit", None, 0.75, "4", reason="no_digit"),
        Row("c.png", "blank", None, 0.0, "4"),
    ]
    page = write(tmp_path / "r.html", *rows)
    assert set(re.findall(r"[\d.]+%", page.text)) == {"80%", "99.9%"}
    assert page.text.count("99.9%") == 2
    assert 'data-verdict="not_a_digit">' in (tmp_path / "r.html").read_text()


def test_with_labels_the_page_shows_accuracy_and_mismatches(image: str, tmp_path: Path) -> None:
    other = str(Path(image).with_name("b.png"))
    Image.new("L", (28, 28)).save(other)
    rows = [Row(image, "digit", 7, 0.99, "4"), Row(other, "digit", 1, 0.9, "4")]
    page = write(tmp_path / "r.html", *rows, labels={image: 1, other: 1})
    assert "50.00% correct: 1 of 2 labeled images" in page.text
    assert "7 99.0%, labeled 1" in page.text
    assert "Most confident mismatches" in page.text
    assert "recall" not in page.text  # a single label has no confusion matrix


def test_the_confusion_matrix_has_a_row_for_each_label(image: str, tmp_path: Path) -> None:
    other = str(Path(image).with_name("b.png"))
    rows = [Row(image, "digit", 7, 0.99, "4"), Row(other, "digit", 1, 0.9, "4")]
    page = write(tmp_path / "r.html", *rows, labels={image: 7, other: 1})
    assert page.text.count("100.0% 100.0%") == 2  # recall and precision


def test_a_run_without_images_has_a_page(tmp_path: Path) -> None:
    assert "0 images recognized" in write(tmp_path / "r.html").text


def encode(image: Image.Image, image_format: str) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format)
    return out.getvalue()


@pytest.mark.parametrize(
    ("image", "image_format"),
    [
        (Image.new("1", (40, 30)), "PNG"),
        (Image.new("P", (40, 30)), "GIF"),
        (Image.new("RGBA", (400, 30)), "WEBP"),
        (Image.new("CMYK", (400, 300)), "JPEG"),
        (Image.fromarray(np.full((9, 9), 40_000, np.uint16)), "PNG"),
        (Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"),
    ],
    ids=lambda value: getattr(value, "mode", value),
)
def test_every_kind_of_image_has_a_thumbnail(image: Image.Image, image_format: str) -> None:
    assert (thumbnail(encode(image, image_format)) or "").startswith("data:image/png;base64,")


def test_a_thumbnail_is_small() -> None:
    large = thumbnail(encode(Image.effect_noise((1000, 500), 90), "PNG"))
    assert large is not None
    assert len(large) < SIDE * SIDE * 4 * 2


def test_an_image_with_nan_and_infinity_has_a_thumbnail() -> None:
    values = np.full((9, 9), np.nan, np.float32)
    values[0, 0] = np.inf
    assert thumbnail(encode(Image.fromarray(values), "TIFF")) is not None


@pytest.mark.parametrize("content", [b"", b"nonsense", encode(Image.new("L", (8, 8)), "PNG")[:30]])
def test_other_content_has_no_thumbnail(content: bytes) -> None:
    assert thumbnail(content) is None


def test_an_image_with_too_many_pixels_is_not_decoded() -> None:
    assert thumbnail(encode(Image.new("1", (10_000, 6_000)), "PNG")) is None


def test_the_reason_and_the_pages_that_were_not_read_are_shown(image: str, tmp_path: Path) -> None:
    small = Row(image, "not_a_digit", None, 0.0, "4", reason="too_small", unread_pages=2)
    other = Row(image, "not_a_digit", None, 0.9, "4", reason="no_digit", unread_pages=1)
    page = write(tmp_path / "report.html", small, other)
    assert "not a digit: too small to read, 2 further pages not read" in page.text
    assert "not a digit, 1 further page not read" in page.text


def test_numbers_have_their_accuracy_by_digit_and_boxes_on_their_thumbnails(tmp_path: Path) -> None:
    file = tmp_path / "number.png"
    Image.new("L", (400, 100), 255).save(file)
    digits = json.dumps(
        [
            {"digit": 1, "confidence": 0.9, "box": [40, 20, 30, 60]},
            {"digit": 7, "confidence": 0.9, "box": [200, 20, 40, 60]},
        ]
    )
    row = Row(str(file), "digit", None, 0.9, "3", number="17", digits=digits)
    page = write(tmp_path / "report.html", row, labels={str(file): 127})
    assert "66.67%" in page.text
    assert "2 missed" in page.text
    assert "labeled 127" in page.text
    [shown, *_] = page.images
    content = base64.b64decode(shown.partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert pixels.shape == (60, 240, 3)
    is_blue = pixels[..., 2] - pixels[..., 0] > 50
    assert is_blue[20:40].any(axis=0).sum() == 4  # two sides of two boxes
