"""The page while a server is away, and when it is back."""

from collections.abc import Callable
from pathlib import Path

from scripts.browser import Browser
from scripts.pen_strokes import NUMBER, THREE
from tests.processes import ServerProcess, StartServer

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
