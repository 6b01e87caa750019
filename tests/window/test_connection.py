"""What the window does about its server: waiting, losing it, finding it again, closing."""

import os
import signal
import subprocess
import sys
import threading
import tkinter as tk
from collections.abc import Callable
from typing import Any

import pytest

from digits_client.cli.server_options import ServerOptions
from digits_client.draw import session as session_module
from digits_client.draw import window as window_module
from tests.window.conftest import ONE, THREE, ZERO


def test_started_before_the_server_it_waits_and_goes_live(
    open_window: Any, start_server: Callable[..., Any], free_port: int
) -> None:
    window = open_window(f"127.0.0.1:{free_port}")
    window.until(lambda: "No server is listening" in window.status.text)
    window.stroke(THREE)
    start_server(free_port)
    window.until_it_shows("3")
    assert window.status.text == f"Connected to 127.0.0.1:{free_port}"


def test_a_killed_server_is_said_to_be_gone_and_found_again(
    window: Any, server: Any, start_server: Callable[..., Any]
) -> None:
    window.stroke(ZERO)
    window.until_it_shows("0")
    server.kill()
    window.until(lambda: "No server is listening" in window.status.text)
    assert window.panel.answer.caption == "no server"
    window.clear()
    window.stroke(ONE)
    start_server(server.port)
    window.until_it_shows("1")


def test_a_server_that_stands_still_stops_nobody_from_drawing(
    window: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "ANSWER_SECONDS", 0.5)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        window.stroke(ZERO)
        assert len(window.drawing.strokes[0].points) == len(ZERO)
        window.until(lambda: "did not respond in time" in window.status.text)
        window.stroke(ONE)
        assert len(window.drawing.strokes) == 2
        window.undo()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    window.until_it_shows("0")


def test_closing_during_a_reply_ends_everything(window: Any, server: Any) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        window.stroke(THREE)
        window.close()
        window.session.close()
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    assert not [thread for thread in threading.enumerate() if thread.name == "digits session"]


def test_an_address_that_is_none_is_said_in_a_sentence(open_window: Any) -> None:
    window = open_window("127.0.0.1:123456")
    window.until(lambda: "the highest port is 65535" in window.status.text)


def test_with_no_server_named_it_offers_to_start_one(
    open_window: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        window_module, "ServerOptions", lambda: ServerOptions(f"127.0.0.1:{free_port}")
    )
    window = open_window(None)
    window.until(lambda: window.status.offered == "Start a server here")
    window.status.accept()
    window.until_connected()
    window.stroke(THREE)
    window.until_it_shows("3")
    assert window.status.offered is None


def test_a_named_server_that_is_away_is_tried_at_once_on_request(
    open_window: Any,
    start_server: Callable[..., Any],
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "FIRST_BACKOFF_SECONDS", 3600.0)
    window = open_window(f"127.0.0.1:{free_port}")
    window.until(lambda: window.status.offered == "Try now")
    start_server(free_port)
    window.status.accept()
    window.until_connected()


def wait_for_another_application() -> None:
    """Wait until another program has a window of Tk's on this display."""
    watcher = tk.Tk(className="watcher")
    watcher.withdraw()

    def look() -> None:
        if len(watcher.winfo_interps()) > 1:
            watcher.quit()
        watcher.after(20, look)

    look()
    watcher.mainloop()
    watcher.destroy()


def command(*arguments: str, **variables: str) -> list[str]:
    return [sys.executable, "-m", "digits_client.draw.cli", *arguments]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_cleanly_on_a_signal(server: Any, ending: signal.Signals) -> None:
    with subprocess.Popen(
        command("--server", server.address, "--theme", "dark"),
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        wait_for_another_application()
        process.send_signal(ending)
        assert process.wait(30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_without_a_display_the_command_says_so() -> None:
    done = subprocess.run(
        command(),
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("digits-draw: no window can be opened here: ")
    assert done.stderr.count("\n") == 1
