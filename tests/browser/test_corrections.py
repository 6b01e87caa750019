"""Corrections, where the operator keeps them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from digits_client.draw.corrections import Corrections
from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, STAR, THREE
from tests.processes import ROOT, SAMPLES, ServerProcess, StartServer

from .conftest import Gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for corrections; the first one creates it."""
    return tmp_path / "corrections"


@pytest.fixture
def page(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    folder: Path,
) -> Iterator[Browser]:
    """The page of a gateway that keeps corrections."""
    gateway = start_gateway("--server", shared_server.address, "--corrections", str(folder))
    browser.open(gateway.url)
    browser.wait_until("!document.querySelector('#correct-button').hidden")
    yield browser
    assert browser.problems() == []


def labels(folder: Path) -> list[int]:
    return [correction.label for correction in Corrections(folder)]


def correct(page: Browser, text: str) -> None:
    """Open the form and type what was meant."""
    page.find("#correct-button").click()
    page.find("#meant").send_keys(text + "\n")


def test_a_digit_that_was_misread_is_saved_and_can_be_undone(page: Browser, folder: Path) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    correct(page, "8")
    page.wait_until_text("#notice", "Saved as a correction: the drawing shows an 8.")
    [correction] = Corrections(folder)
    assert (correction.label, correction.predicted) == (8, "3")
    assert len(correction.strokes) == 1
    page.find("#notice button").click()
    page.wait_until_text("#notice", "The correction was removed.")
    assert labels(folder) == []


def test_only_the_digits_that_were_misread_are_saved(page: Browser, folder: Path) -> None:
    page.draw(NUMBER)
    page.wait_until_read("2026")
    correct(page, "2020")
    page.wait_until_text("#notice", "the drawing shows 2020.")
    assert labels(folder) == [0]


def test_what_was_read_rightly_is_not_kept_as_wrong(page: Browser, folder: Path) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    correct(page, "3")
    page.wait_until_text("#notice", "The drawing was read as a 3: there is nothing to correct.")
    assert labels(folder) == []


def test_keys_and_clicks_outside_of_the_form_correct_nothing(page: Browser, folder: Path) -> None:
    page.draw([STAR])
    page.wait_until_read("?")
    page.find("#canvas").send_keys("8")
    page.find("body").send_keys("8\n")
    page.find("#correct-button").click()
    page.find("#meant").send_keys("8")
    page.find("#cancel").click()
    assert not page.find("#correction").is_displayed()
    page.draw([[(20, 20), (30, 20)]])
    page.wait_until_recognized()
    assert not folder.exists()


def test_a_drawing_can_be_corrected_to_no_digit_at_all(page: Browser, folder: Path) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    page.find("#correct-button").click()
    page.find("#not-a-digit").click()
    page.wait_until_text("#notice", "Saved as a correction: the drawing is not a digit.")
    assert len(labels(folder)) == 1


def test_a_drawing_is_not_corrected_by_the_result_of_an_earlier_state(
    browser: Browser,
    start_server: StartServer,
    start_gateway: Callable[..., Gateway],
    folder: Path,
) -> None:
    server = start_server()
    gateway = start_gateway("--server", server.address, "--corrections", str(folder))
    browser.open(gateway.url)
    browser.draw([THREE])
    browser.wait_until_read("3")
    server.process.kill()
    browser.draw([STAR])
    browser.wait_until_text("#caption", "The server that recognizes digits is away.")
    correct(browser, "3")
    browser.wait_until_text("#notice", "Saved as a correction: the drawing shows a 3.")
    [correction] = Corrections(folder)
    assert (correction.label, correction.predicted) == (3, "")


def test_a_correction_of_a_large_photo_is_as_small_as_what_was_recognized(
    page: Browser, folder: Path, tmp_path: Path
) -> None:
    with Image.open(ROOT / SAMPLES[7]) as image:
        image.resize((4000, 4000)).save(tmp_path / "photo.png")
    page.find("#file").send_keys(str(tmp_path / "photo.png"))
    page.wait_until_read("7")
    correct(page, "1")
    page.wait_until_text("#notice", "Saved as a correction: the drawing shows a 1.")
    [correction] = Corrections(folder)
    with Image.open(correction.path) as image:
        assert image.size == (1600, 1600)


def test_a_correction_that_cannot_be_kept_is_named_in_words(page: Browser, folder: Path) -> None:
    page.draw([THREE])
    page.wait_until_read("3")
    correct(page, "314159")
    page.wait_until_text("#notice", "The correction was not saved: ")
    assert "cannot be told apart" in page.text("#notice")
    page.problems()  # the browser logs the status of the response
    assert not folder.exists()
