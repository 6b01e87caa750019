"""The window's connection to its server: waiting, losing it, reconnecting, closing."""

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
from digits_client.draw import connection_loop, stream_loop
from digits_client.draw import window as window_module
from digits_client.draw.diagnose import diagnose
from digits_client.errors import DeadlineError
from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from tests.window.conftest import ONE, THREE, ZERO


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
    assert window.status._model.cget("text").startswith(f"model {version} float32 · ")


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


def test_without_a_server_option_the_window_offers_to_start_a_server(
    open_window: Any, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        window_module, "ServerOptions", lambda: ServerOptions(f"127.0.0.1:{free_port}")
    )
    window = open_window(None)
    window.wait_until(lambda: window.status.offered == "Start a local server")
    window.status.accept()
    window.wait_until_connected()
    window.stroke(THREE)
    window.wait_until_shown("3")
    assert window.status.offered is None


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
