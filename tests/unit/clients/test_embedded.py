"""The private server of a command; here a script takes its place."""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from digits_client import embedded
from digits_client.embedded import embedded_server
from digits_client.errors import UnavailableError


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that is run in place of the interpreter."""
    script = tmp_path / "python"
    script.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return script


def test_without_the_server_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    reason = r"a private server cannot start: .* is not installed: pip install 'digits\[server\]'"
    with pytest.raises(UnavailableError, match=reason), embedded_server():
        pass


def test_a_process_that_cannot_be_started_is_unavailable(script: Path) -> None:
    script.unlink()
    reason = "a private server cannot start: No such file"
    with pytest.raises(UnavailableError, match=reason), embedded_server():
        pass


def test_a_log_of_any_bytes_is_shown(script: Path) -> None:
    script.write_text("#!/bin/sh\nprintf 'no folder caf\\351\\n' >&2\n")
    with pytest.raises(UnavailableError, match="no folder caf\ufffd"), embedded_server():
        pass


@pytest.mark.parametrize("printed", ['{"address": "127.0', '{"name": 1}', "[1]", "Python 3"])
def test_a_server_that_prints_something_else_has_failed(script: Path, printed: str) -> None:
    script.write_text(f"#!/bin/sh\nprintf '%s' '{printed}'\necho 'the disk is full' >&2\n")
    with pytest.raises(UnavailableError, match="the disk is full"), embedded_server():
        pass


def test_a_process_that_outlives_the_server_is_not_waited_for(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_LOG_SECONDS", 0.1)
    script.write_text(
        "#!/bin/sh\n"
        f"sleep 1000 < /dev/null &\necho $! > {tmp_path}/outliving\n"
        'echo \'{"address": "127.0.0.1:1"}\'\ncat > /dev/null\n'
    )
    with embedded_server():
        pass
    os.kill(int((tmp_path / "outliving").read_text()), signal.SIGKILL)


def test_the_server_is_stopped_without_signals(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a signal was sent")

    monkeypatch.setattr(os, "kill", refuse)
    script.write_text(
        "#!/bin/sh\n"
        'echo \'{"address": "127.0.0.1:1"}\'\n'
        f"cat > /dev/null\ntouch {tmp_path}/stopped\n"
    )
    with embedded_server() as address:
        assert address == "127.0.0.1:1"
    assert (tmp_path / "stopped").exists()
