"""The reports of digits-batch and digits-train evaluate in a browser, opened from a file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from digits_client import look
from digits_client.batch import html_report
from digits_client.batch.counters import Counters
from digits_client.batch.evaluation import DigitEvaluation
from digits_client.batch.report_data import ReportData
from digits_client.batch.rows import Row
from digits_training.corruptions import CORRUPTIONS
from digits_training.evaluation_report import Report, write_report
from digits_training.number_results import SinglesAsNumbers
from digits_training.robustness import CorruptionResult
from scripts.browser import Browser
from tests.processes import ROOT, ServerProcess
from tests.unit.training.made_results import make_numbers, make_results, replace_images

from .test_accessibility import findings

PHONE = (390, 844)
FORM = "form.filter"
SHOWN = """
return [...document.querySelectorAll(`${arguments[0]}[data-verdict]`)]
  .filter((entry) => entry.checkVisibility()).length
"""
# Cells of the confusion matrix that are not in view as a whole, or whose text does not fit.
CUT_CELLS = """
return [...document.querySelectorAll(".confusion td, .confusion th")].filter((cell) => {
  const box = cell.getBoundingClientRect();
  return box.left < 0 || box.right > innerWidth || cell.scrollWidth > cell.clientWidth + 1
}).map((cell) => cell.textContent)
"""


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    shared_server: ServerProcess,
) -> Path:
    """A folder with a report of each kind."""
    folder = tmp_path_factory.mktemp("reports")
    command = [sys.executable, "-m", "digits_client.batch.cli", "--server", shared_server.address]
    for name, *arguments in (("samples", "samples"), ("numbers", "samples/numbers", "--numbers")):
        report = folder / f"{name}.html"
        subprocess.run(
            [*command, *arguments, "--report", report],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,  # some of the samples are broken
        )
    make_many(folder / "many.html")
    make_evaluation(folder / "evaluation.html")
    return folder


def make_many(path: Path) -> None:
    """Write a report on 20,000 images, with mistakes of every kind."""
    evaluation = DigitEvaluation()
    data = ReportData(evaluation, unsure_below=0.8)
    random = np.random.default_rng(1)
    for number in range(20_000):
        label, confidence = number % 10, round(float(1 - random.exponential(0.05) % 0.7), 4)
        digit = label if random.random() < confidence else int(random.integers(10))
        row = Row(f"scans/{label}/{number}.png", "digit", digit, confidence, "7")
        if number % 50 == 0:
            verdict = "blank" if number % 100 else "not_a_digit"
            row = row._replace(verdict=verdict, digit=None, confidence=0.0)
        if number % 70 == 0:
            row = Row(row.path, error="is truncated")
        data.add(row, label=str(label))
        evaluation.add(row, str(label))
    html_report.write(path, data, Counters(), 10**6)


def make_evaluation(path: Path) -> None:
    """Write a report of an evaluation."""
    random = np.random.default_rng(1)
    labels = random.integers(0, 10, 10_000)
    confidences = np.clip(1 - random.exponential(0.06, 10_000), 0.3, 1)
    digits = np.where(random.random(10_000) < confidences, labels, (labels + 1) % 10)
    robustness = [CorruptionResult("none", "", 0.0, 1.0, 0.99)]
    robustness += [
        CorruptionResult(corruption.name, corruption.unit, severity, 0.9, 0.8)
        for corruption in CORRUPTIONS
        for severity in corruption.severities
    ]
    report = Report(
        "Metrics of model 7",
        {"command": "digits-train evaluate"},
        [
            make_results("mnist", labels.tolist(), digits.tolist(), confidences.tolist()),
            replace_images(make_results("scenes-desk", [7, 5], [7, 6], [0.9, 0.6], side=40)),
        ],
        [make_numbers(["17", "2026", "55"], ["17", "2020", ""])],
        [SinglesAsNumbers("Pen strokes", 10_000, 0.99, 0.98, 0.001)],
        0.98,
        tuple(robustness),
        [],
    )
    write_report(path, report)


def show(browser: Browser, report: Path) -> None:
    browser.driver.get(report.as_uri())


@pytest.fixture
def samples(browser: Browser, folder: Path) -> Iterator[Browser]:
    """The report on the samples. What the browser logs as an error fails the test."""
    show(browser, folder / "samples.html")
    yield browser
    assert browser.problems() == []


def shown_count(browser: Browser, tag: str) -> int:
    return int(browser.script(SHOWN, tag))


def fill(browser: Browser, **values: str) -> None:
    for name, value in values.items():
        field = browser.find(f"{FORM} [name={name}]")
        if field.tag_name == "select":
            field.find_element("css selector", f"option[value='{value}']").click()
        else:
            field.send_keys(value)


def test_the_report_filters_by_name_verdict_digit_and_confidence(samples: Browser) -> None:
    assert shown_count(samples, "figure") == 57
    assert shown_count(samples, "tr") == 0  # the table is closed
    fill(samples, search="CHALK")
    assert samples.text(f"{FORM} output") == "11 of 57 pictures, 11 of 57 rows match"
    assert (shown_count(samples, "figure"), shown_count(samples, "tr")) == (11, 11)
    fill(samples, verdict="digit")
    assert shown_count(samples, "figure") == 10
    fill(samples, digit="7")
    assert shown_count(samples, "figure") == 1
    assert samples.text("figure:not([hidden]) .name") == "7/chalk.png"
    assert not samples.find(".charts").is_displayed()
    assert samples.script(
        "return [...document.querySelectorAll('section')]"
        ".filter(s => s.offsetParent).map(s => s.querySelector('h2').id)"
    ) == [
        "sure",
        "all",
    ]
    samples.find(f"{FORM} button").click()
    samples.wait_until("!document.querySelector('form.active')")
    assert shown_count(samples, "figure") == 57
    fill(samples, most="95")
    lowest = shown_count(samples, "figure")
    assert 0 < lowest < 50
    assert "%" in samples.text("figure:not([hidden]) figcaption")
    fill(samples, least="95")
    assert shown_count(samples, "figure") < lowest


def test_what_failed_or_is_not_a_digit_can_be_selected(samples: Browser) -> None:
    for verdict, count in (("failed", 3), ("not_a_digit", 3), ("blank", 1)):
        fill(samples, verdict=verdict)
        assert shown_count(samples, "figure") == count
    fill(samples, least="1")  # a blank image has no confidence
    assert shown_count(samples, "figure") == 0
    assert samples.text(f"{FORM} output") == "0 of 57 pictures, 0 of 57 rows match"


def test_the_filter_is_used_by_keyboard_alone(samples: Browser) -> None:
    def focused() -> object:
        return samples.script("return document.activeElement.name")

    body = samples.find("body")
    body.send_keys(Keys.TAB)
    assert focused() == "search"
    keys = samples.driver.switch_to.active_element
    keys.send_keys("thin", Keys.TAB)
    assert focused() == "verdict"
    samples.driver.switch_to.active_element.send_keys("digit", Keys.TAB)
    assert focused() == "digit"
    samples.driver.switch_to.active_element.send_keys("4", Keys.TAB)
    assert focused() == "least"
    samples.driver.switch_to.active_element.send_keys("50", Keys.TAB, Keys.TAB)
    assert shown_count(samples, "figure") == 1
    samples.driver.switch_to.active_element.send_keys(Keys.ENTER)
    samples.wait_until("!document.querySelector('form.active')")
    assert shown_count(samples, "figure") == 57


@pytest.mark.parametrize("name", ["samples", "evaluation"])
def test_without_javascript_everything_is_shown_and_no_filter(
    browser: Browser, folder: Path, name: str
) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        show(browser, folder / f"{name}.html")
        tiles = browser.driver.find_elements("css selector", "figure[data-verdict]")
        assert len(tiles) > 40
        assert all(tile.is_displayed() for tile in tiles[:3])
        assert not browser.find(FORM).is_displayed()
        assert browser.find("nav").is_displayed()
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("name", ["samples", "many", "evaluation"])
def test_a_phone_shows_the_whole_confusion_matrix(
    browser: Browser, folder: Path, name: str
) -> None:
    browser.resize(*PHONE, is_phone=True)
    show(browser, folder / f"{name}.html")
    assert browser.script("return document.querySelectorAll('.confusion tbody tr').length") == 10
    assert browser.script(CUT_CELLS) == []
    size = browser.script("return getComputedStyle(document.querySelector('.confusion')).fontSize")
    assert float(size.removesuffix("px")) >= 9


@pytest.mark.parametrize("name", ["samples", "numbers", "many", "evaluation"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_report_is_wider_than_the_screen(
    browser: Browser, folder: Path, name: str, width: int
) -> None:
    browser.resize(width, 844, is_phone=width < 600)
    show(browser, folder / f"{name}.html")
    browser.script("for (const each of document.querySelectorAll('details')) each.open = true")
    assert browser.script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["samples", "numbers", "evaluation"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_in_a_report(
    browser: Browser, folder: Path, name: str, scheme: str, width: int
) -> None:
    browser.set_media(prefers_color_scheme=scheme)
    browser.resize(width, 844, is_phone=width < 600)
    show(browser, folder / f"{name}.html")
    assert findings(browser) == []
    fill(browser, verdict="digit", least="1")
    assert shown_count(browser, "figure") > 0
    assert findings(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_has_the_colors_of_the_theme(samples: Browser, scheme: str) -> None:
    samples.set_media(prefers_color_scheme=scheme)
    colors = look.LIGHT if scheme == "light" else look.DARK
    shown = samples.script("return getComputedStyle(document.body).backgroundColor")
    assert shown == "rgb({}, {}, {})".format(*bytes.fromhex(colors.window[1:]))


def test_a_report_on_many_images_is_small_and_its_first_ones_can_be_filtered(
    browser: Browser, folder: Path
) -> None:
    assert (folder / "many.html").stat().st_size < 1_500_000
    show(browser, folder / "many.html")
    fill(browser, search="scans/7/")
    assert browser.text(f"{FORM} output").endswith(", 200 of 2,000 rows match")
    assert shown_count(browser, "tr") == 200
