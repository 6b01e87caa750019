"""The page on how good a network is."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_training.eval_results import Answers
from digits_training.eval_sets import Suite
from digits_training.evaluation_report import (
    MISTAKE_COUNT,
    Report,
    SuiteSection,
    page,
    write_report,
)
from digits_training.robustness import DISTURBANCES, Row

HOSTILE = "<script>alert('1 & \"2\"')</script>"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def section(
    name: str, labels: list[int], digits: list[int], sureness: list[float], side: int = 28
) -> SuiteSection:
    """Return answers: of each image the digit that was held likeliest, and how likely."""
    shares = np.array(sureness, np.float32)
    probs = np.repeat((1 - shares[:, None]) / 9, 10, axis=1).astype(np.float32)
    probs[np.arange(len(digits)), digits] = shares
    truth = np.array(labels, np.uint8)
    images: list[NDArray[np.uint8]] = [
        np.full((side, side), 10 + place % 200, np.uint8) for place in range(len(labels))
    ]
    frames = np.full((len(labels), 28, 28), 0.5, np.float32)
    suite = Suite(name, f"The {name} of <someone>", images, truth)
    return SuiteSection(suite, Answers(frames, probs, truth, threshold=0.5))


@pytest.fixture
def report() -> Report:
    rows = [Row("none", "", 0.0, 1.0, 0.99)]
    rows += [
        Row(disturbance.name, disturbance.unit, strength, 0.9, 0.8 - 0.1 * place)
        for disturbance in DISTURBANCES
        for place, strength in enumerate(disturbance.strengths)
    ]
    return Report(
        title="Figures of model 7",
        provenance={"command": "digits-train evaluate", "commit": "0123abc"},
        sections=[
            section("mnist", [3, 4, 5, 6], [3, 9, 6, 6], [0.99, 0.8, 0.95, 0.3]),
            section("strokes", [1, 2], [1, 2], [0.99, 0.98], side=300),
            section("letters", [10, 10, 10], [2, 7, 7], [0.6, 0.9, 0.2], side=56),
        ],
        letters_auroc=0.98765,
        robustness=tuple(rows),
        notes=["left out: people's own images"],
    )


def test_the_page_is_one_file_that_asks_nobody_for_anything(report: Report, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", report)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    source = (tmp_path / "report.html").read_text("utf-8")
    assert not re.search(r"https?://|@import|url\(", source)
    seen = Page(source)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in seen.elements}
    assert seen.attributes("img")
    assert all(str(image["src"]).startswith("data:image/") for image in seen.attributes("img"))
    assert all(str(link["href"]).startswith("#") for link in seen.attributes("a"))


def test_every_element_is_closed_and_every_link_leads_somewhere(report: Report) -> None:
    seen = Page(page(report))
    assert seen.open == []
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for link in seen.attributes("a")} == {f"#{name}" for name in ids}


def test_whatever_is_told_is_text_and_never_markup(report: Report) -> None:
    hostile = replace(
        report, title=HOSTILE, provenance={HOSTILE: HOSTILE}, notes=[HOSTILE], robustness=None
    )
    source = page(hostile)
    assert "<script" not in source
    # In the title, the heading, the note, and both cells of the provenance.
    assert Page(source).text.count(HOSTILE) == 5
    suite = replace(report.sections[0].suite, name='"><script>', title=HOSTILE)
    named = replace(report, sections=[SuiteSection(suite, report.sections[0].answers)])
    assert "<script" not in page(named)


def test_every_suite_has_its_figures_and_its_mistakes(report: Report) -> None:
    seen = Page(page(report))
    for part in report.sections:
        # In the table and over its mistakes.
        assert seen.text.count(part.suite.title) >= 2
    assert "The mnist of <someone>: 3 mistakes" in seen.text
    assert "2 taken for another digit, 1 for none" in seen.text
    assert "The strokes of <someone>: no mistakes" in seen.text
    assert "The letters of <someone>: 2 mistakes" in seen.text
    for figure in ("25.00%", "100.00%", "33.33%", "0.9877"):  # right, right, rejected, AUROC
        assert figure in seen.text
    assert "digits-train evaluate" in seen.text
    assert "left out: people's own images" in seen.text


def test_the_most_confident_mistakes_come_first(report: Report) -> None:
    text = Page(page(report)).text
    places = [text.index(said) for said in ("5 → 6 · 95.0%", "4 → 9 · 80.0%", "6 → none, else 6")]
    assert places == sorted(places)
    assert text.index("no digit → 7 · 90.0%") < text.index("no digit → 2 · 60.0%")
    assert "no digit → none" not in text


def test_a_blank_is_a_mistake_of_which_nothing_is_sure(report: Report) -> None:
    part = section("mnist", [3, 4], [4, 3], [0.99, 0.6])
    part.answers.frames[0] = 0
    text = Page(page(replace(report, sections=[part]))).text
    assert text.index("4 → 3 · 60.0%") < text.index("3 → blank")


def test_a_mistake_shows_the_image_and_the_frame_as_small_pictures() -> None:
    part = section("strokes", [1], [7], [0.9], side=300)
    source = page(Report("", {}, [part], None, None, []))
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(str(image["src"]).partition("base64,")[2])))
        for image in Page(source).attributes("img")
        if str(image["src"]).startswith("data:image/png")
    ]
    assert [picture.size for picture in pictures] == [(84, 84), (28, 28)]
    assert pictures[0].getpixel((0, 0)) == 10
    assert pictures[1].getpixel((0, 0)) == 128


def test_a_suite_shows_no_more_mistakes_than_people_look_at() -> None:
    part = section("wild", [1] * 60, [7] * 60, [0.9] * 60)
    seen = Page(page(Report("", {}, [part], None, None, [])))
    assert seen.text.count("1 → 7") == MISTAKE_COUNT
    assert "60 mistakes" in seen.text
    assert f"the {MISTAKE_COUNT} that it was most sure of" in seen.text


def test_every_disturbance_has_a_curve(report: Report) -> None:
    seen = Page(page(report))
    names = {image["alt"] for image in seen.attributes("img")}
    assert {disturbance.name for disturbance in DISTURBANCES} <= names
    assert "shift (px)80.0%at 1070.0%at 20" in seen.text


@pytest.mark.parametrize("sections", [0, 1, 2])
def test_what_was_not_measured_is_left_out(report: Report, sections: int) -> None:
    digits = replace(
        report, sections=report.sections[:sections], letters_auroc=None, robustness=None, notes=[]
    )
    text = Page(page(digits)).text
    assert "AUROC" not in text
    assert "disturb" not in text
    assert ("MNIST" in text) == (sections > 0)


def test_the_same_report_is_the_same_page(report: Report) -> None:
    assert page(report) == page(report)
