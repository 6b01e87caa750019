"""The strip of earlier results."""

from collections.abc import Callable
from typing import Any

from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, STAR, THREE
from tests.processes import StartServer

from .conftest import Gateway


def tiles(page: Browser) -> Any:
    """Return the numbers of the strip, the newest first."""
    return page.script(
        "return [...document.querySelectorAll('#history b')].map((b) => b.textContent)"
    )


def keep(page: Browser, strokes: Any, text: str) -> None:
    """Draw, wait for the result, and clear the sheet."""
    page.draw(strokes)
    page.wait_until_read(text)
    page.find("#clear-button").click()
    page.wait_until_read("")


def test_what_is_cleared_is_kept_and_can_be_brought_back(page: Browser) -> None:
    keep(page, [THREE], "3")
    keep(page, NUMBER, "2026")
    assert tiles(page) == ["2026", "3"]
    page.find("#history li:nth-child(2) button").click()
    page.wait_until_read("3")
    page.find("#undo-button").click()
    page.wait_until_read("")


def test_a_drawing_has_one_place_in_the_strip(page: Browser) -> None:
    keep(page, [THREE], "3")
    page.find("#undo-button").click()
    page.wait_until_read("3")
    page.find("#clear-button").click()
    page.wait_until_read("")
    page.find("#history button").click()
    page.wait_until_read("3")
    page.find("#clear-button").click()
    page.wait_until_read("")
    assert tiles(page) == ["3"]


def test_a_drawing_that_was_brought_back_and_changed_has_its_own_place(page: Browser) -> None:
    keep(page, [THREE], "3")
    page.find("#history button").click()
    page.wait_until_read("3")
    keep(page, [[(x + 250, y) for x, y in THREE]], "33")
    assert tiles(page) == ["33", "3"]


def test_a_drawing_that_is_cleared_at_once_is_kept_all_the_same(page: Browser) -> None:
    page.draw([THREE])
    page.find("#clear-button").click()
    page.wait_until("document.querySelectorAll('#history li').length === 1")
    page.wait_until_read("")
    assert tiles(page) == ["3"]


def test_a_drawing_that_comes_back_on_a_narrower_sheet_is_shown_whole(page: Browser) -> None:
    keep(page, [[(x + 250, y) for x, y in stroke] for stroke in NUMBER], "2026")
    page.resize(390, 800)
    page.find("#undo-button").click()
    page.wait_until_read("2026")
    page.find("#clear-button").click()
    page.wait_until_read("")
    page.find("#history button").click()
    page.wait_until_read("2026")


def test_a_drawing_that_is_cleared_while_the_server_is_away_is_kept_later(
    browser: Browser, start_server: StartServer, start_gateway: Callable[..., Gateway]
) -> None:
    server = start_server()
    browser.open(start_gateway("--server", server.address).url)
    server.process.kill()
    server.process.wait()
    browser.draw([THREE])
    browser.wait_until_text("#caption", "The server that recognizes digits is away.")
    browser.find("#clear-button").click()
    start_server(port=server.port)
    browser.wait_until("document.querySelectorAll('#history li').length === 1")
    assert tiles(browser) == ["3"]


def test_all_results_are_copied_as_csv(page: Browser) -> None:
    keep(page, [THREE], "3")
    keep(page, [STAR], "?")
    keep(page, NUMBER, "2026")
    page.command("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    page.find("#copy-button").click()
    page.wait_until_text("#notice", "3 results were copied.")
    page.script("navigator.clipboard.readText().then((text) => { window.copied = text })")
    page.wait_until("window.copied")
    header, *rows = page.script("return copied").splitlines()
    assert header == "number,verdict,confidence,model_version"
    fields = [row.split(",") for row in rows]
    assert [row[:2] for row in fields] == [["3", "digit"], ["", "not_a_digit"], ["2026", "digit"]]
    assert 0.9 < float(fields[0][2]) <= 1
    assert fields[1][2] == ""
    assert all(row[3].isdigit() for row in fields)
