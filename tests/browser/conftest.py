"""The page in a real browser, with a real gateway and a real server.

The browser is Debian's Chromium without a window. Without it, or without its driver, the tests are
skipped.
"""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from scripts.browser import Browser, find_browser, open_browser
from tests.processes import (
    PATIENCE_SECONDS,
    ServerProcess,
    environment,
    running_server,
    start_server,
)

__all__ = ["environment", "start_server"]


class Gateway:
    """A ``digits-web`` process, ready when the constructor returns."""

    def __init__(self, environment: dict[str, str], *flags: str, port: str = "0") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "digits_client.web.cli", "--no-open", "--port", port, *flags],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.kill()
            pytest.fail("the gateway did not start")

    @property
    def port(self) -> str:
        return self.url.rstrip("/").rpartition(":")[2]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def shared_server(environment: dict[str, str]) -> Iterator[ServerProcess]:
    """A server for all tests that do not disturb it."""
    with running_server(environment, "--port", "0") as server:
        yield server


@pytest.fixture(scope="session")
def shared_gateway(environment: dict[str, str], shared_server: ServerProcess) -> Iterator[Gateway]:
    """A gateway for all tests that do not disturb it."""
    gateway = Gateway(environment, "--server", shared_server.address)
    yield gateway
    gateway.kill()


@pytest.fixture
def start_gateway(environment: dict[str, str]) -> Iterator[Callable[..., Gateway]]:
    """A function that starts a gateway, which is stopped when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(*flags: str, port: str = "0") -> Gateway:
            gateway = Gateway(environment, *flags, port=port)
            stack.callback(gateway.kill)
            return gateway

        yield start


@pytest.fixture(scope="session", autouse=True)
def shared_browser() -> Iterator[Browser]:
    """The browser for all tests; each opens the page again."""
    if find_browser() is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium chromium-driver)")
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Browser) -> Iterator[Browser]:
    """The browser with a desktop's size, in light colors, without what earlier tests left."""
    shared_browser.resize(1280, 800)
    shared_browser.set_media(prefers_color_scheme="light")
    shared_browser.problems()
    yield shared_browser
    shared_browser.driver.get("about:blank")


@pytest.fixture
def page(browser: Browser, shared_gateway: Gateway) -> Iterator[Browser]:
    """The page, connected. What the browser logs as an error fails the test."""
    browser.open(shared_gateway.url)
    yield browser
    assert browser.problems() == []
