"""The evaluation report as an HTML page."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from digits_training.corruptions import CORRUPTIONS
from digits_training.evaluation_examples import MISTAKE_COUNT
from digits_training.evaluation_numbers import numbers_section
from digits_training.evaluation_report import Report, page, write_report
from digits_training.number_results import SinglesAsNumbers, with_all
from digits_training.recordings import NO_WRITING
from digits_training.robustness import CorruptionResult

from .made_results import make_numbers, make_results, replace_images

HOSTILE = "<script>alert('1 & \"2\"')</script>"
VOID = {"meta", "img", "br", "input"}


class Page(HTMLParser):
    """The elements, attributes and text of a page."""

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
        if not {"style", "script"} & set(self.open):
            self.text += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def report() -> Report:
    robustness = [CorruptionResult("none", "", 0.0, 1.0, 0.99)]
    robustness += [
        CorruptionResult(corruption.name, corruption.unit, severity, 0.9, 0.8 - 0.1 * level)
        for corruption in CORRUPTIONS
        for level, severity in enumerate(corruption.severities)
    ]
    return Report(
        title="Metrics of model 7",
        provenance={"command": "digits-train evaluate", "commit": "0123abc"},
        results=[
            make_results("mnist", [3, 4, 5, 6], [3, 9, 6, 6], [0.99, 0.8, 0.95, 0.3]),
            make_results("strokes", [1, 2], [1, 2], [0.99, 0.98], side=300),
            replace_images(make_results("scenes-desk", [7, 5], [7, 6], [0.9, 0.6], side=40)),
            make_results("letters", [10, 10, 10], [2, 7, 7], [0.6, 0.9, 0.2], side=56),
            make_results("blank", [NO_WRITING] * 3, [2, 7, 7], [0.6, 0.2, 0.2], blank=(2,)),
        ],
        numbers=[make_numbers(["17", "2026", "55"], ["17", "2020", ""])],
        singles=[SinglesAsNumbers("Pen strokes", 10_000, 0.99, 0.98, 0.001)],
        letters_auroc=0.98765,
        robustness=tuple(robustness),
        notes=["skipped: people's own images"],
    )


@pytest.fixture(scope="module")
def source(report: Report) -> str:
    """The report's page."""
    return page(report)


def test_the_page_is_one_file_that_loads_nothing(
    report: Report, source: str, tmp_path: Path
) -> None:
    write_report(tmp_path / "report.html", report)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text("utf-8") == source
    assert not re.search(r"https?://|@import|url\(", source)
    parsed = Page(source)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in parsed.elements}
    assert parsed.attributes("script") == [{}]  # within the page
    assert parsed.attributes("img")
    assert all(str(image["src"]).startswith("data:image/") for image in parsed.attributes("img"))
    assert all(str(link["href"]).startswith("#") for link in parsed.attributes("a"))


def test_every_element_is_closed_and_every_link_has_a_target(source: str) -> None:
    parsed = Page(source)
    assert parsed.open == []
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"] for link in parsed.attributes("a")} == {f"#{name}" for name in ids}


def test_all_texts_are_escaped(report: Report) -> None:
    hostile = replace(
        report, title=HOSTILE, provenance={HOSTILE: HOSTILE}, notes=[HOSTILE], robustness=None
    )
    hostile_source = page(hostile)
    assert hostile_source.count("<script") == 1
    # In the title, the heading, the note, and both cells of the provenance.
    assert Page(hostile_source).text.count(HOSTILE) == 5
    eval_set = replace(report.results[0].eval_set, name='"><script>', title=HOSTILE)
    results = replace(report.results[0], eval_set=eval_set)
    assert page(replace(report, results=[results], robustness=None)).count("<script") == 1


def test_every_set_has_its_metrics_and_its_mistakes(report: Report, source: str) -> None:
    parsed = Page(source)
    for results in report.results:
        # In the table and above its mistakes.
        assert parsed.text.count(results.eval_set.title) >= 2
    assert "The mnist of <someone>: 3 mistakes" in parsed.text
    assert "2 read as another digit, 1 as not a digit" in parsed.text
    assert "The strokes of <someone>: no mistakes" in parsed.text
    assert "The letters of <someone>: 2 mistakes" in parsed.text
    assert "The blank of <someone>: 2 mistakes1 read as a digit, 1 as not a digit" in parsed.text
    assert "blank → 2 · 60.0%" in parsed.text
    for value in ("25.00%", "100.00%", "33.33%", "0.9877"):  # right, right, not a digit, AUROC
        assert value in parsed.text
    assert "digits-train evaluate" in parsed.text
    assert "skipped: people's own images" in parsed.text


def test_the_summary_has_the_readings_per_image_and_the_share_of_blank_images(
    source: str,
) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", source.partition("</table>")[0])
    cells = [[Page(cell).text for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]
    assert cells[0] == [
        *("", "images", "right", "not a digit", "calibration error", "by chance"),
        "readings per image",
    ]
    by_name = {row[0]: row[1:] for row in cells[1:]}
    assert by_name["The mnist of <someone>"][-1] == "2.00"
    assert by_name["The letters of <someone>"] == ["3", "", "33.33%", "", "", "2.00"]
    assert by_name["The blank of <someone>"] == ["3", "33.33%", "66.67%", "", "", "1.33"]


def test_the_most_confident_mistakes_come_first(source: str) -> None:
    text = Page(source).text
    captions = ("5 → 6 · 95.0%", "4 → 9 · 80.0%", "6 → not a digit, most like 6")
    positions = [text.index(caption) for caption in captions]
    assert positions == sorted(positions)
    assert text.index("not a digit → 7 · 90.0%") < text.index("not a digit → 2 · 60.0%")
    assert "not a digit → not a digit" not in text


def test_a_blank_is_the_least_confident_mistake(report: Report) -> None:
    results = make_results("mnist", [3, 4], [4, 3], [0.99, 0.6], blank=(0,))
    text = Page(page(replace(report, results=[results], robustness=None))).text
    assert text.index("4 → 3 · 60.0%dark ink") < text.index("3 → blankno reading")


def test_a_mistake_shows_thumbnails_of_the_image_and_the_frame() -> None:
    results = make_results("strokes", [1], [7], [0.9], side=300)
    source = page(Report("", {}, [results], [], [], None, None, []))
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(str(image["src"]).partition("base64,")[2])))
        for image in Page(source).attributes("img")
        if str(image["src"]).startswith("data:image/png")
    ]
    assert [picture.size for picture in pictures] == [(84, 84), (28, 28)]
    assert pictures[0].getpixel((0, 0)) == 10
    assert pictures[1].getpixel((0, 0)) == 128


def test_a_set_shows_a_limited_number_of_mistakes() -> None:
    results = make_results("wild", [1] * 60, [7] * 60, [0.9] * 60)
    parsed = Page(page(Report("", {}, [results], [], [], None, None, [])))
    assert parsed.text.count("1 → 7") == MISTAKE_COUNT
    assert "60 mistakes" in parsed.text
    assert f"the {MISTAKE_COUNT} most confident ones" in parsed.text


def test_every_corruption_has_a_chart(source: str) -> None:
    parsed = Page(source)
    names = {chart.get("aria-label") for chart in parsed.attributes("svg")}
    assert {f"{corruption.name} ({corruption.unit})" for corruption in CORRUPTIONS} <= names
    assert "shift (px)80.0%at 1070.0%at 20" in parsed.text


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_report_omits_what_was_not_measured(report: Report, count: int) -> None:
    digits_only = replace(
        report, results=report.results[:count], letters_auroc=None, robustness=None, notes=[]
    )
    text = Page(page(digits_only)).text
    assert "AUROC" not in text
    assert "corrupt" not in text
    assert ("MNIST" in text) == (count > 0)


def test_equal_reports_give_equal_pages(report: Report, source: str) -> None:
    assert page(report) == source


def test_scenes_are_shown_in_color_with_what_was_read(source: str) -> None:
    section = source.partition(">Scenes</h2>")[2].partition("</section>")[0]
    parsed = Page(section)
    assert "desk: 50.0% right" in parsed.text
    assert "7 → 7 · 90.0%dark ink" in parsed.text
    assert "5 → 6 · 60.0%dark ink" in parsed.text
    shown = str(parsed.attributes("img")[0]["src"])
    with Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))) as image:
        assert image.convert("RGB").getpixel((5, 5)) == (200, 30, 30)


def test_a_tile_names_the_folder_and_the_file_or_the_place_in_the_set(source: str) -> None:
    names = re.findall(r'<span class="name">(.*?)</span>', source)
    assert set(names) == {f"image {number}" for number in range(4)}
    results = replace_images(make_results("wild", [7, 5], [6, 6], [0.9, 0.6], side=40))
    eval_set = replace(results.eval_set, paths=["7/a.png", "5/b & c.png"])
    shown = page(Report("", {}, [replace(results, eval_set=eval_set)], [], [], None, None, []))
    assert re.findall(r'<span class="name">(.*?)</span>', shown) == ["7/a.png", "5/b &amp; c.png"]


def test_what_is_not_a_digit_has_no_percentage_and_nothing_is_certain() -> None:
    results = make_results("wild", [1, 1, 1], [7, 7, 7], [1.0, 0.49, 0.9], blank=(2,))
    source = page(Report("", {}, [results], [], [], None, None, []))
    captions = [
        Page(caption).text for caption in re.findall(r"<figcaption>.*?</figcaption>", source)
    ]
    assert captions == [
        *("1 → 7 · 99.9%dark ink", "1 → not a digit, most like 7dark ink", "1 → blankno reading")
    ]
    entries = re.findall(r"<figure title=.*? data-verdict=\"(\w+)\"(.*?)>", source)
    assert entries == [
        ("digit", ' data-text="7" data-confidence="100"'),
        ("not_a_digit", ""),
        ("blank", ""),
    ]


def test_calibration_is_drawn_and_measured_only_from_enough_images() -> None:
    many = make_results("mnist", [3] * 100, [3] * 100, [0.8] * 40 + [0.99] * 40 + [0.6] * 20)
    few = make_results("strokes", [3] * 99, [3] * 99, [0.8] * 49 + [0.99] * 50)
    source = page(Report("", {}, [many, few], [], [], None, None, []))
    assert source.count("<circle") == 3
    text = Page(source).text
    assert "two or more ranges of confidence. Drawn: 1 of 2." in text
    summary = Page(source.partition("</table>")[0]).text
    # Right and not a digit of both, and of one set the calibration error and that by chance.
    assert len(re.findall(r"\d%", summary)) == 2 + 2 + 2


def test_several_kinds_of_numbers_have_their_figures_together_too() -> None:
    results = [make_numbers(["17", "2026", "55"], ["17", "2020", ""]) for _ in range(2)]
    assert len(with_all(results[:1])) == 1
    together = with_all(results)[-1]
    assert len(together.texts) == 6
    assert together.accuracy == pytest.approx(1 / 3)
    assert [each.number_set.title for each in with_all(results)][-1] == "Numbers: all kinds"
    assert numbers_section(results, []).count("Numbers: all kinds") == 1


def test_numbers_are_shown_with_their_boxes_and_what_was_read() -> None:
    results = make_numbers(["17", "2026", "55"], ["17", "2020", ""])
    assert results.accuracy == pytest.approx(1 / 3)
    assert results.digit_accuracy == pytest.approx(1 - 3 / 8)
    assert results.one_digit_share == pytest.approx(1 / 3)
    source = numbers_section([results], [SinglesAsNumbers("MNIST test set", 10, 0.99, 0.98, 0.1)])
    assert "Numbers: spaced: 33.3% right" in source
    assert "<td>62.5%</td>" in source
    assert "2026 → <b>2020</b> · 50.0%" in source
    assert "55 → <b>not a number</b>" in source
    assert "<td>98.00%</td><td>10.00%</td>" in source
    assert source.count("<figure ") == 3
    assert re.findall(r'data-verdict="(\w+)"', source) == ["digit", "digit", "not_a_digit"]
    assert "%" not in source.rpartition("not a number")[2]
    assert numbers_section([], []) == ""
