"""The report: bounded, whole, and safe to look at."""

import io
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from digits_client.batch import html_report
from digits_client.batch.counters import Tally
from digits_client.batch.evaluation import Evaluation
from digits_client.batch.report_data import SHOWN, Report
from digits_client.batch.rows import Row
from digits_client.batch.thumbnails import SIDE, thumbnail


class Parsed(HTMLParser):
    """What is on the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag != "script"
        if tag == "a":
            self.links.append(found["href"] or "")
        if tag == "img":
            self.images.append(found["src"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def written(path: Path, *rows: Row, labels: dict[str, int] | None = None) -> Parsed:
    evaluation = Evaluation()
    report = Report(evaluation)
    for row in rows:
        report.add(row)
        if labels and row.path in labels:
            evaluation.add(row, labels[row.path])
    html_report.write(path, report, Tally(), 10**6)
    assert not path.with_name(path.name + ".part").exists()
    return Parsed(path.read_text("utf-8"))


@pytest.fixture
def image(tmp_path: Path) -> str:
    """The path of an image."""
    folder = tmp_path / "my scans"
    folder.mkdir()
    Image.new("L", (300, 200), 90).save(folder / "7 #1.png")
    return str(folder / "7 #1.png")


def test_pictures_are_embedded_and_link_to_the_files(image: str, tmp_path: Path) -> None:
    parsed = written(tmp_path / "my scans" / ".." / "report.html", Row(image, "digit", 7, 0.6, "4"))
    assert parsed.links == ["my%20scans/7%20%231.png"]
    assert (tmp_path / unquote(parsed.links[0])).is_file()
    [picture] = parsed.images
    assert picture.startswith("data:image/png;base64,")
    assert "7 60.0%" in parsed.text
    assert "model 4" in parsed.text


def test_links_lead_out_of_the_folder_of_the_page(image: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    parsed = written(tmp_path / "deep" / "report.html", Row(image, "digit", 7, 0.6, "4"))
    assert parsed.links == ["../my%20scans/7%20%231.png"]


def test_members_of_archives_are_shown_and_link_to_the_archive(image: str, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "scans"), "zip", Path(image).parent)
    parsed = written(tmp_path / "r.html", Row(f"{archive}/7 #1.png", "digit", 7, 0.6, "4"))
    assert parsed.links == ["scans.zip"]
    assert len(parsed.images) == 1


def test_what_is_no_image_any_more_has_no_picture(tmp_path: Path) -> None:
    gone = Row(str(tmp_path / "gone.png"), "digit", 7, 0.6, "4")
    broken = Row(str(tmp_path / "broken.png"), error="image.encoded is truncated or corrupt")
    Path(broken.path).write_bytes(b"\x89PNG\r\n")
    parsed = written(tmp_path / "r.html", gone, broken)
    assert parsed.images == []
    assert "failed: image.encoded is truncated or corrupt" in parsed.text


def test_names_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    path = 'scans/<script>alert("7")</script>&\udce4\n.png'
    parsed = written(tmp_path / "r.html", Row(path, "digit", 7, 0.6, "4"))
    assert "script>&\ufffd" in parsed.text
    assert len(parsed.links) == 1


def test_the_page_may_load_nothing_whatever_gets_into_it(tmp_path: Path) -> None:
    written(tmp_path / "r.html")
    assert "default-src 'none'; img-src data:" in (tmp_path / "r.html").read_text()


def test_the_page_asks_no_other_host(image: str, tmp_path: Path) -> None:
    written(tmp_path / "r.html", Row(image, "digit", 7, 0.6, "4"), labels={image: 7})
    assert not re.findall(
        r"(?:src|href)=\"https?:|url\(|@import", (tmp_path / "r.html").read_text()
    )


def test_the_least_sure_the_likeliest_of_the_rejected_and_all_counts_are_shown(
    tmp_path: Path,
) -> None:
    rows = [Row(f"{number:04}.png", "digit", 3, number / 1000, "4") for number in range(999, 0, -1)]
    rows += [Row(f"n{number}.png", "not_a_digit", None, number / 1000, "4") for number in range(90)]
    rows += [Row(f"f{number}.png", error="no") for number in range(3)]
    parsed = written(tmp_path / "r.html", *rows)
    shown = re.findall(r"\d{4}\.png", parsed.text)
    assert shown == [f"{number:04}.png" for number in range(1, SHOWN + 1)]
    assert re.findall(r"n\d+\.png", parsed.text)[:2] == ["n89.png", "n88.png"]
    assert "The first 60 of 999." in parsed.text
    assert "The first 60 of 90." in parsed.text
    assert "All of 3." in parsed.text
    assert (tmp_path / "r.html").stat().st_size < 100_000


def test_with_labels_it_shows_the_disagreements_and_the_confusion(
    image: str, tmp_path: Path
) -> None:
    other = str(Path(image).with_name("b.png"))
    Image.new("L", (28, 28)).save(other)
    rows = [Row(image, "digit", 7, 0.99, "4"), Row(other, "digit", 1, 0.9, "4")]
    parsed = written(tmp_path / "r.html", *rows, labels={image: 1, other: 1})
    assert "50.00% right: 1 of 2 labelled images" in parsed.text
    assert "7 99.0%, labelled 1" in parsed.text
    assert "Surest answers that are not the label" in parsed.text


def test_a_run_of_nothing_has_a_page(tmp_path: Path) -> None:
    assert "0 images recognized" in written(tmp_path / "r.html").text


def encoded(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(
    ("image", "form"),
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
def test_every_kind_of_image_has_a_small_picture(image: Image.Image, form: str) -> None:
    assert (thumbnail(encoded(image, form)) or "").startswith("data:image/png;base64,")


def test_a_small_picture_is_small() -> None:
    large = thumbnail(encoded(Image.effect_noise((1000, 500), 90), "PNG"))
    assert large is not None
    assert len(large) < SIDE * SIDE * 4 * 2


def test_values_that_are_no_numbers_are_drawn_too() -> None:
    values = np.full((9, 9), np.nan, np.float32)
    values[0, 0] = np.inf
    assert thumbnail(encoded(Image.fromarray(values), "TIFF")) is not None


@pytest.mark.parametrize("content", [b"", b"nonsense", encoded(Image.new("L", (8, 8)), "PNG")[:30]])
def test_what_is_no_image_has_none(content: bytes) -> None:
    assert thumbnail(content) is None


def test_an_image_of_too_many_pixels_is_not_decoded() -> None:
    assert thumbnail(encoded(Image.new("1", (10_000, 6_000)), "PNG")) is None
