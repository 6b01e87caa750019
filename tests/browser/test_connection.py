"""The page while a server is away, and when it is back."""

from collections.abc import Callable
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, THREE
from tests.processes import ROOT, SAMPLES, ServerProcess, StartServer

from .conftest import Gateway


def test_what_was_drawn_while_the_server_was_away_is_read_when_it_is_back(
    browser: Browser, start_server: StartServer, start_gateway: Callable[..., Gateway]
) -> None:
    server = start_server()
    browser.open(start_gateway("--server", server.address).url)
    browser.draw([THREE])
    browser.wait_until_read("3")
    server.process.kill()
    server.process.wait()
    browser.find("#clear-button").click()
    browser.draw(NUMBER)
    browser.wait_until_text("#caption", "The server that recognizes digits is away.")
    browser.wait_until_text("#connection-text", "Retrying in")
    assert browser.find("#connection").get_attribute("data-tone") == "bad"
    start_server(port=server.port)
    browser.wait_until_read("2026")
    browser.wait_until_connected()


def test_the_page_connects_again_when_its_own_server_is_back(
    browser: Browser, shared_server: ServerProcess, start_gateway: Callable[..., Gateway]
) -> None:
    gateway = start_gateway("--server", shared_server.address)
    browser.open(gateway.url)
    gateway.kill()
    browser.wait_until_text("#caption", "server cannot be reached.")
    assert browser.find("#retry").is_displayed()
    browser.draw([THREE])
    start_gateway("--server", shared_server.address, port=gateway.port)
    browser.script("document.querySelector('#retry').click()")
    browser.wait_until_read("3")
    browser.wait_until_connected()


def test_what_needs_the_server_is_explained_while_it_cannot_be_reached(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    gateway = start_gateway("--server", shared_server.address, "--corrections", str(tmp_path))
    browser.open(gateway.url)
    browser.wait_until("!document.querySelector('#correct-button').hidden")
    browser.draw([THREE])
    browser.wait_until_read("3")
    gateway.kill()
    browser.find("#correct-button").click()
    browser.find("#meant").send_keys("8\n")
    reason = "This page\u2019s server cannot be reached."
    browser.wait_until_text("#notice", f"The correction was not saved: {reason}")
    browser.find("#file").send_keys("\n".join(str(ROOT / path) for path in SAMPLES))
    browser.wait_until_text("#notice", f"The image could not be recognized: {reason}")
    browser.draw([[(20, 20), (30, 20)]])  # which removes the notice
    browser.wait_until("!document.querySelector('#notice').textContent")
    browser.find("#gallery button").click()
    browser.wait_until_text("#notice", f"The image could not be recognized: {reason}")
    assert not [each for each in browser.problems() if "Uncaught" in each]


def test_settings_that_could_not_be_loaded_are_applied_later(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    gateway = start_gateway("--server", shared_server.address, "--corrections", str(tmp_path))
    browser.command("Network.enable")
    browser.command("Network.setBlockedURLs", urls=["*/v1/settings"])
    browser.open(gateway.url)
    assert not browser.find("#correct-button").is_displayed()
    browser.command("Network.setBlockedURLs", urls=[])
    browser.find("#layout option[value=page]").click()  # for which it connects again
    browser.wait_until("!document.querySelector('#correct-button').hidden")
    browser.find("#help-button").click()
    assert browser.find("#help-dialog").is_displayed()
    assert browser.script("return document.querySelectorAll('#help-keys tr').length") == 8


def test_that_the_server_was_away_is_not_shown_for_longer(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    gateway = start_gateway("--server", shared_server.address)
    browser.open(gateway.url)
    broken = tmp_path / "broken.png"
    broken.write_bytes((ROOT / SAMPLES[0]).read_bytes()[:100])
    browser.find("#file").send_keys(str(broken))
    browser.wait_until_text("#notice", "The image could not be recognized: ")
    gateway.kill()
    browser.wait_until_text("#caption", "server cannot be reached.")
    start_gateway("--server", shared_server.address, port=gateway.port)
    browser.script("document.querySelector('#retry').click()")
    browser.wait_until_connected()
    assert browser.text("#caption") == ""


def test_a_token_can_be_typed_after_the_question_for_it_was_closed(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("token-1234567890\n")
    gateway = start_gateway("--server", shared_server.address, "--tokens-file", str(tokens))
    browser.driver.get(gateway.url)
    browser.wait_until("document.querySelector('#token-dialog')?.open")
    browser.find("#token").send_keys(Keys.ESCAPE)
    browser.wait_until("!document.querySelector('#token-dialog').open")
    browser.find("#retry").click()
    browser.wait_until("document.querySelector('#token-dialog').open")
    browser.find("#token").send_keys("token-1234567890\n")
    browser.wait_until_connected()
    assert not browser.find("#retry").is_displayed()


def test_a_token_is_asked_for_and_kept_for_the_tab(
    browser: Browser,
    shared_server: ServerProcess,
    start_gateway: Callable[..., Gateway],
    tmp_path: Path,
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("secret/+=~token-1234567890\n")
    gateway = start_gateway("--server", shared_server.address, "--tokens-file", str(tokens))
    browser.driver.get(gateway.url)
    browser.wait_until("document.querySelector('#token-dialog')?.open")
    browser.find("#token").send_keys("wrong\n")
    browser.wait_until_text("#token-text", "did not accept")
    browser.wait_until("document.querySelector('#token-dialog').open")
    browser.find("#token").send_keys("secret/+=~token-1234567890\n")
    browser.wait_until_connected()
    browser.draw([THREE])
    browser.wait_until_read("3")
    browser.open(gateway.url)
    browser.problems()
