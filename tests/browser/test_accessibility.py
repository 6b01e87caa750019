"""Contrast, labels and announcements; nothing is clipped, however large the text is."""

import json
from importlib.resources import files
from typing import Any

import pytest

from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, STAR, THREE

AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")

# Elements whose content does not fit in them, and those that reach beyond the page.
CLIPPED = """
const width = document.documentElement.clientWidth;
const isHidden = (element) => element.closest(".hidden, .symbols, [hidden], dialog:not([open])");
return [...document.querySelectorAll("body *")].filter((element) => {
  if (isHidden(element) || element.closest("svg")) return false;
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height) return false;
  const isScrolled = element.closest(".tiles");
  const overflows = element.matches("button, p, label, h1, h2, td, th, figcaption, span, select")
    && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0
    && getComputedStyle(element).display !== "inline";
  return !isScrolled && (box.right > width + 1 || box.left < -1 || overflows);
}).map((element) => element.outerHTML.slice(0, 120));
"""


def findings(page: Browser) -> Any:
    """Return what axe-core finds, with the elements."""
    page.script(f"{AXE}\nwindow.axe = axe")
    page.script(
        "window.found = null;"
        "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
        " 'best-practice'] }).then((result) => { window.found = result.violations })"
    )
    page.wait_until("window.found")
    return [
        (each["id"], [node["html"][:120] for node in each["nodes"]])
        for each in json.loads(page.script("return JSON.stringify(found)"))
    ]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Browser, scheme: str, width: int) -> None:
    page.set_media(prefers_color_scheme=scheme)
    page.resize(width, 800, is_phone=width == 390)
    assert findings(page) == []
    page.draw([STAR])
    page.wait_until_recognized()
    page.find("#clear-button").click()
    page.draw(NUMBER)
    page.wait_until_recognized()
    assert findings(page) == []
    page.find("#help-button").click()
    assert findings(page) == []


@pytest.mark.parametrize(
    ("width", "height"), [(320, 256), (320, 568), (390, 844), (640, 400), (844, 390), (1280, 800)]
)
def test_nothing_is_clipped(page: Browser, width: int, height: int) -> None:
    page.resize(width, height)
    page.draw([THREE])
    page.wait_until_recognized()
    page.find("#clear-button").click()
    page.script("document.querySelector('#gallery li:nth-child(9) button').click()")
    page.wait_until_read("80513")
    page.wait_until("document.querySelectorAll('#boxes div').length === 5")
    assert page.script(CLIPPED) == []
    assert page.script("return document.documentElement.scrollWidth <= innerWidth")
    page.find("#help-button").click()
    assert page.script("return document.querySelector('dialog[open]').scrollWidth <= innerWidth")


def test_nothing_is_clipped_with_text_of_twice_the_size(page: Browser) -> None:
    page.script("document.documentElement.style.fontSize = '200%'")
    page.draw(NUMBER)
    page.wait_until_recognized()
    assert page.script(CLIPPED) == []
    assert page.script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_result_is_announced_once_the_pen_rests(page: Browser) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    page.wait_until_text("#live", "2026, 99")
    assert page.find("#live").get_attribute("aria-live") == "polite"
    assert "4 strokes" in str(page.find("#canvas").get_attribute("aria-label"))


def test_nothing_moves_for_those_who_prefer_that(page: Browser) -> None:
    page.set_media(prefers_reduced_motion="reduce")
    moving = page.script(
        "return [...document.querySelectorAll('*')].filter((element) => {"
        "const { transitionDuration, animationName } = getComputedStyle(element);"
        "return parseFloat(transitionDuration) > 0 || animationName !== 'none' }).length"
    )
    assert moving == 0
