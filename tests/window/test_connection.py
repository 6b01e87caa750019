"""The window's connection to its server: waiting, losing it, reconnecting, closing."""

import os
import signal
import subprocess
import sys
import threading
import tkinter as tk
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from digits_client.draw import cli, connection_loop, pictures, stream_loop
from digits_client.draw.corrections import Corrections
from digits_client.draw.diagnose import diagnose
from digits_client.draw.events import Event, Recognized, StartingServer
from digits_client.draw.window import DrawWindow
from digits_client.errors import DeadlineError
from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from tests.window.fixtures import ONE, THREE, ZERO


def refused_reason(address: str) -> str:
    """Return the reason that is shown for an address on which no server listens."""
    return f"No server is listening at {address}."


def test_a_window_opened_before_the_server_connects_once_it_runs(
    open_window: Any, start_server: Callable[..., Any], free_port: int
) -> None:
    window = open_window(f"127.0.0.1:{free_port}")
    window.wait_until_status(refused_reason(f"127.0.0.1:{free_port}"))
    window.stroke(THREE)
    start_server(free_port)
    window.wait_until_shown("3")
    assert window.status.text == f"Connected to 127.0.0.1:{free_port}"
    version = models.versions(SHIPPED_MODELS)[0]
    assert window.status.model_text.startswith(f"model {version} float32 · ")


def test_the_window_reports_a_killed_server_and_reconnects_to_a_new_one(
    window: Any, server: Any, start_server: Callable[..., Any]
) -> None:
    window.stroke(ZERO)
    window.wait_until_shown("0")
    server.kill()
    window.wait_until_status(refused_reason(server.address))
    assert window.panel.view.caption == "no server"
    window.clear()
    window.stroke(ONE)
    start_server(server.port)
    window.wait_until_shown("1")


def test_drawing_continues_while_the_server_is_frozen(
    window: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_loop, "RESPONSE_TIMEOUT_SECONDS", 0.5)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        window.stroke(ZERO)
        assert len(window.drawing.strokes[0].points) == len(ZERO)
        window.wait_until_status(diagnose(DeadlineError(""), server.address))
        window.stroke(ONE)
        assert len(window.drawing.strokes) == 2
        window.undo()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    window.wait_until_shown("0")


def test_closing_while_a_response_is_pending_ends_the_session(window: Any, server: Any) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        window.stroke(THREE)
        window.close()
        window.session.close()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert not [thread for thread in threading.enumerate() if thread.name == "digits session"]


def test_without_a_server_the_window_starts_its_own_and_says_so(
    open_window: Any, default_address: str
) -> None:
    window = open_window(None)
    window.wait_until_status(f"No server is running at {default_address}: starting one")
    window.stroke(THREE)
    window.wait_until_shown("3")
    assert window.status.text == "Connected to a server of this window"
    assert window.status.offered is None


def test_a_server_at_the_default_address_is_used(
    open_window: Any, default_address: str, start_server: Callable[..., Any]
) -> None:
    server = start_server(int(default_address.rpartition(":")[2]))
    window = open_window(None)
    window.wait_until_connected()
    assert window.status.text == f"Connected to {default_address}"
    server.kill()
    window.wait_until(lambda: window.status.offered == "Start a server here")
    window.status.accept()
    window.wait_until_status("Connected to a server of this window")


def test_a_private_server_that_is_lost_is_replaced(
    open_window: Any, default_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    popen = subprocess.Popen

    def record(*arguments: Any, **options: Any) -> Any:
        started.append(popen(*arguments, **options))
        return started[-1]

    monkeypatch.setattr("digits_client.embedded.subprocess.Popen", record)
    window = open_window(None)
    window.stroke(ZERO)
    window.wait_until_shown("0")
    events: list[Event] = []
    show_event = window.show_event

    def record_event(event: Event) -> None:
        events.append(event)
        show_event(event)

    monkeypatch.setattr(window, "show_event", record_event)
    started[0].kill()
    window.wait_until(lambda: len(started) == 2)
    window.clear()
    window.stroke(ONE)
    window.wait_until_shown("1")
    assert events[0] == StartingServer()


def test_the_wait_for_the_next_attempt_is_counted_down(
    open_window: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    window = open_window(f"127.0.0.1:{free_port}")
    window.wait_until_status("Retrying in")

    def seconds() -> int:
        return int(window.status.text.split()[-2])

    first = seconds()
    window.wait_until(lambda: seconds() < first)
    assert seconds() == first - 1


def test_retry_now_connects_without_waiting_for_the_backoff(
    open_window: Any,
    start_server: Callable[..., Any],
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_loop, "MIN_BACKOFF_SECONDS", 3600.0)
    window = open_window(f"127.0.0.1:{free_port}")
    window.wait_until(lambda: window.status.offered == "Retry now")
    start_server(free_port)
    window.status.accept()
    window.wait_until_connected()


def wait_for_another_application() -> None:
    """Wait until another process has opened a Tk window on this display."""
    watcher = tk.Tk(className="watcher")
    watcher.withdraw()

    def check() -> None:
        if len(watcher.winfo_interps()) > 1:
            watcher.quit()
        watcher.after(20, check)

    check()
    watcher.mainloop()
    watcher.destroy()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "digits_client.draw.cli", *arguments]


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_cleanly(server: Any, signal_number: signal.Signals) -> None:
    with subprocess.Popen(
        command("--server", server.address, "--theme", "dark"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for_another_application()
        process.send_signal(signal_number)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.fixture
def signal_handlers() -> Iterator[None]:
    """Restores the signal handlers that the command sets."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("display", "signal_handlers")
def test_the_command_opens_a_picture_and_starts_a_server_where_none_is_running(
    default_address: str, monkeypatch: pytest.MonkeyPatch, corrections: Corrections
) -> None:
    shown = []

    class Shown(DrawWindow):
        def show_event(self, event: Event) -> None:
            super().show_event(event)
            if isinstance(event, Recognized) and event.number.text:
                shown.append((event.number.text, self.status.text))
                self.close()

    monkeypatch.setattr("digits_client.draw.window.DrawWindow", Shown)
    monkeypatch.delenv("DIGITS_SERVER", raising=False)
    picture = Path(__file__).parents[2] / "samples" / "7" / "marker.png"
    assert cli.main([str(picture), "--drawings", str(corrections.folder)]) == 0
    assert shown == [("7", "Connected to a server of this window")]


@pytest.mark.usefixtures("display", "signal_handlers")
def test_an_unexpected_error_over_a_picture_does_not_keep_the_command_from_ending(
    server: Any, monkeypatch: pytest.MonkeyPatch, corrections: Corrections, tmp_path: Path
) -> None:
    class Closed(DrawWindow):
        def show_event(self, event: Event) -> None:
            super().show_event(event)
            if isinstance(event, Recognized):
                self.close()

    def fail(_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("digits_client.draw.window.DrawWindow", Closed)
    monkeypatch.setattr(pictures, "from_file", fail)
    (tmp_path / "a.png").touch()
    options = ("--server", server.address, "--drawings", str(corrections.folder))
    assert cli.main([str(tmp_path / "a.png"), *options]) == 0
    assert "digits session" not in [thread.name for thread in threading.enumerate()]


def test_without_a_display_the_command_prints_one_line() -> None:
    done = subprocess.run(
        command(),
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("digits-draw: cannot open a window: ")
    assert done.stderr.count("\n") == 1
