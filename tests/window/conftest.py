"""The window on a display of its own, with real events, and real servers as processes.

Nothing here opens a window on the screen of whoever runs the tests: the display is one of
Xvfb's, started here. Without Xvfb the tests are skipped, and say so.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tkinter as tk
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from digits_client.cli.server_options import ServerOptions
from digits_client.draw.corrections import Corrections
from digits_client.draw.strokes import Point
from digits_client.draw.tk_gc import collected_here
from digits_client.draw.window import DrawWindow

PATIENCE_SECONDS = 30

# Digits on the sheet of 400, a point after the other.
ONE = [(200, 80), (200, 140), (200, 200), (200, 260), (200, 320)]
THREE = [(130, 100), (180, 75), (240, 90), (255, 140), (235, 180), (190, 195)]
THREE += [(240, 205), (265, 250), (250, 300), (200, 325), (140, 310), (115, 285)]
ZERO = [(200, 90), (150, 120), (130, 200), (150, 280), (200, 310), (250, 280)]
ZERO += [(270, 200), (250, 120), (200, 90)]


@pytest.fixture(scope="session", autouse=True)
def display() -> Iterator[str]:
    """A display for these tests alone."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed (Debian: apt-get install xvfb): no window to test")
    reader, writer = os.pipe()
    with subprocess.Popen(
        [program, "-displayfd", str(writer), "-screen", "0", "2000x1600x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(writer)
        with os.fdopen(reader) as said:
            name = f":{said.readline().strip()}"
        before = os.environ.get("DISPLAY")
        os.environ["DISPLAY"] = name
        yield name
        if before is None:
            del os.environ["DISPLAY"]
        else:
            os.environ["DISPLAY"] = before
        process.terminate()


class Server:
    """A ``digits-server`` of its own."""

    def __init__(self, port: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "digits_server", "--port", str(port)],
            env={key: value for key, value in os.environ.items() if "DIGITS_" not in key},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"ready on (\S+)$", line):
                self.address = found[1]
                return
        raise AssertionError(f"the server did not start: {said}")

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
    """Starts servers, ready when returned, that end with the test."""
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
    """One server."""
    return start_server()


@pytest.fixture
def free_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Window(DrawWindow):
    """The window, with a person in front of it."""

    def until(self, condition: Callable[[], Any]) -> None:
        """Let Tk work until something is so."""
        last = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < last, (
                f"still: {self.panel.answer}, {self.status.text!r}, {self.status.notice_text!r}"
            )
            self.root.tk.dooneevent()  # waits for one; the window's own timer is one

    def until_connected(self) -> None:
        self.until(lambda: self.status.text.startswith("Connected"))

    def until_answered(self) -> None:
        """Wait until what is shown is about the drawing as it is now."""
        self.until(lambda: self.answered is not None and self.answered.ticket == self.ticket)

    def until_it_shows(self, headline: str) -> None:
        self.until_answered()
        self.until(lambda: self.panel.answer is not None and self.panel.answer.headline == headline)

    def stroke(self, points: Sequence[Point], button: int = 1, *, lift: bool = True) -> None:
        """Move the pen along points of the sheet, as one does."""
        side = min(self.sheet.winfo_width(), self.sheet.winfo_height())
        for number, (x, y) in enumerate(points):
            place: dict[str, Any] = {"x": round(x * side / 400), "y": round(y * side / 400)}
            kind = f"<B{button}-Motion>" if number else f"<ButtonPress-{button}>"
            self.sheet.event_generate(kind, **place)
            self.root.update()
        if lift:
            self.sheet.event_generate(f"<ButtonRelease-{button}>", **place)
            self.root.update()

    def press(self, key: str) -> None:
        """Press a key, as ``<Control-z>``."""
        self.root.focus_force()
        self.root.update()
        self.root.event_generate(key)
        self.root.update()


@pytest.fixture
def kept(tmp_path: Path) -> Corrections:
    """An empty folder of corrected drawings."""
    return Corrections(tmp_path / "drawings")


@pytest.fixture
def open_window(display: str, kept: Corrections) -> Iterator[Callable[..., Window]]:
    """Opens windows that are closed after the test; an error in a callback of Tk's fails it."""
    errors: list[BaseException] = []
    opened: list[Window] = []

    def open_window(address: str | None, **options: Any) -> Window:
        root = tk.Tk(className="digits")

        def report(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
            errors.append(error)

        root.report_callback_exception = report
        connection = None if address is None else ServerOptions(address)
        closing.enter_context(collected_here(root))
        window = Window(root, connection, kept, **options)
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
        raise ExceptionGroup("in callbacks of Tk", [e for e in errors if isinstance(e, Exception)])


@pytest.fixture
def window(open_window: Callable[..., Window], server: Server) -> Window:
    """A window that is connected."""
    window = open_window(server.address)
    window.until_connected()
    return window
