"""A real window on a virtual display, driven by real events, and real server processes.

The display is Xvfb, started here, so the tests open no window on the screen of the person who
runs them. Without Xvfb they are skipped.
"""

import contextlib
import gc
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tkinter as tk
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from digits_client.cli.server_options import ServerOptions
from digits_client.draw import connection_loop
from digits_client.draw.corrections import Corrections
from digits_client.draw.strokes import Point
from digits_client.draw.tk_gc import gc_in_tk_thread
from digits_client.draw.window import DrawWindow
from digits_client.results import Box
from scripts.virtual_display import virtual_display

FOLDER = Path(__file__).parent
TIMEOUT_SECONDS = 30

# Points of strokes that draw a digit, in pixels of the sheet.
ONE = [(200, 80), (200, 140), (200, 200), (200, 260), (200, 320)]
THREE = [(130, 100), (180, 75), (240, 90), (255, 140), (235, 180), (190, 195)]
THREE += [(240, 205), (265, 250), (250, 300), (200, 325), (140, 310), (115, 285)]
ZERO = [(200, 90), (150, 120), (130, 200), (150, 280), (200, 310), (250, 280)]
ZERO += [(270, 200), (250, 120), (200, 90)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Free the window of a test in Tk's thread, as soon as pytest has released it.

    Otherwise a thread of a later test may free it, which aborts the process.
    """
    result = yield
    # Pytest calls this for the tests of other folders too, where it would take minutes in all.
    if item.path.is_relative_to(FOLDER):
        gc.collect()
    return result


@pytest.fixture(scope="session", autouse=True)
def display() -> Iterator[str]:
    """A virtual display for these tests."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed (Debian: apt-get install xvfb)")
    with virtual_display("2000x1600") as name:
        yield name


class Server:
    """A ``digits-server`` process, ready when the constructor returns."""

    def __init__(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "digits_server", "--port", str(port)],
            env={key: value for key, value in os.environ.items() if "DIGITS_" not in key},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        log = []
        for line in self.process.stderr:
            log.append(line)
            if found := re.search(r"ready on (\S+)$", line):
                self.address = found[1]
                return
        raise AssertionError(f"the server did not start; its log: {log}")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """A function that starts a server, which is stopped when the test ends."""
    started: list[Server] = []

    def start(port: int = 0) -> Server:
        started.append(Server(port))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(start_server: Callable[..., Server]) -> Server:
    """A running server."""
    return start_server()


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def default_address(free_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The default address, on which no server listens."""
    address = f"127.0.0.1:{free_port}"

    def options(given: str = address) -> ServerOptions:
        return ServerOptions(given)

    monkeypatch.setattr(connection_loop, "ServerOptions", options)
    return address


class Window(DrawWindow):
    """The window, with methods for what a person does and waits for."""

    def wait_until(self, condition: Callable[[], Any]) -> None:
        """Run Tk's event loop until a condition is true."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, (
                f"timed out; shown: {self.panel.view}, {self.status.text!r}, {self.notices.text!r}"
            )
            self.root.tk.dooneevent()  # blocks no longer than the window's timer

    def wait_until_connected(self) -> None:
        self.wait_until(lambda: self.status.text.startswith("Connected"))

    def wait_until_status(self, part: str) -> None:
        """Wait until the text about the connection contains a part."""
        self.wait_until(lambda: part in self.status.text)

    def wait_until_recognized(self) -> None:
        """Wait for the prediction of the current revision."""
        self.wait_until(
            lambda: (
                self.last_recognized is not None and self.last_recognized.revision == self.revision
            )
        )

    def wait_until_shown(self, headline: str) -> None:
        """Wait until the prediction of the current revision has a headline."""
        self.wait_until_recognized()
        self.wait_until(lambda: self.panel.view.headline == headline)

    def stroke(self, points: Sequence[Point], button: int = 1, *, lift: bool = True) -> None:
        """Draw a stroke by mouse events, processing each before the next."""
        scale = self.sheet.winfo_height() / 400
        for number, (x, y) in enumerate(points):
            position: dict[str, Any] = {"x": round(x * scale), "y": round(y * scale)}
            kind = f"<B{button}-Motion>" if number else f"<ButtonPress-{button}>"
            self.sheet.event_generate(kind, **position)
            self.root.update()
        if lift:
            self.sheet.event_generate(f"<ButtonRelease-{button}>", **position)
            self.root.update()

    def number(self, digits: str) -> None:
        """Draw small digits from left to right: zeros, ones and threes."""
        points = {"0": ZERO, "1": ONE, "3": THREE}
        for index, digit in enumerate(digits):
            left = 20 + 130 * index
            self.stroke([(left + (x - 100) * 0.6, 100 + y * 0.6) for x, y in points[digit]])

    def point_at(self, box: Box) -> None:
        """Move the pointer into a box."""
        scale = self.sheet.winfo_height() / 400
        x, y = (box.left + box.width / 2) * scale, (box.top + box.height / 2) * scale
        self.sheet.event_generate("<Motion>", x=round(x), y=round(y))
        self.root.update()

    def type(self, digits: str) -> None:
        """Type what it should be in the mode for corrections, and Enter."""
        self.press(f"<Control-Key-{digits[0]}>")
        field = self.root.focus_get()
        assert field is not None
        for digit in digits[1:]:
            field.event_generate(f"<Key-{digit}>")
        field.event_generate("<Return>")
        self.root.update()

    def press(self, key: str) -> None:
        """Press a key, named as in ``<Control-z>``."""
        self.root.focus_force()
        self.root.update()
        self.root.event_generate(key)
        self.root.update()


@pytest.fixture
def corrections(tmp_path: Path) -> Corrections:
    """An empty folder of corrections."""
    return Corrections(tmp_path / "drawings")


@pytest.fixture
def open_window(display: str, corrections: Corrections) -> Iterator[Callable[..., Window]]:
    """A function that opens a window, which is closed when the test ends.

    An error in a Tk callback fails the test.
    """
    errors: list[BaseException] = []
    opened: list[Window] = []

    def open_window(address: str | None, **options: Any) -> Window:
        root = tk.Tk(className="digits")

        def report(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
            errors.append(error)

        root.report_callback_exception = report
        server_options = None if address is None else ServerOptions(address)
        closing.enter_context(gc_in_tk_thread(root))
        window = Window(root, server_options, corrections, **options)
        opened.append(window)
        root.update()
        return window

    with contextlib.ExitStack() as closing:
        yield open_window
        for window in opened:
            if not window.is_closed:
                window.close()
            window.session.close()
        opened.clear()
    if errors:
        raise ExceptionGroup(
            "errors in Tk callbacks", [e for e in errors if isinstance(e, Exception)]
        )


@pytest.fixture
def window(open_window: Callable[..., Window], server: Server) -> Window:
    """A window that is connected to the server."""
    window = open_window(server.address)
    window.wait_until_connected()
    return window
