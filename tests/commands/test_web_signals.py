"""Signals to the processes of a gateway."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.processes import PATIENCE_SECONDS

# The command, and a signal that comes when it reads its token file.
SIGNAL_WHILE_STARTING = """
import os, signal, sys
from digits_client.web import credentials
from digits_client.web.cli import main

number = getattr(signal, sys.argv.pop(1))

class Tokens(credentials.Tokens):
    def __init__(self, *arguments):
        os.kill(os.getpid(), number)
        super().__init__(*arguments)

credentials.Tokens = Tokens
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_while_the_gateway_starts_ends_it(
    name: str, environment: dict[str, str], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef")
    flags = ["--server", "127.0.0.1:1", "--port", "0", "--no-open", "--tokens-file", str(tokens)]
    gateway = subprocess.run(
        [sys.executable, "-c", SIGNAL_WHILE_STARTING, name, *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (gateway.returncode, gateway.stderr) == (0, "")


@needs.shared_ports
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_to_the_whole_group_ends_a_gateway_cleanly(
    workers: str, environment: dict[str, str]
) -> None:
    # As systemd stops a service: the supervisor and its workers get SIGTERM at the same time.
    command = [sys.executable, "-m", "digits_client.web.cli", "--server", "127.0.0.1:1"]
    with subprocess.Popen(
        [*command, "--port", "0", "--no-open", "--workers", workers],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as gateway:
        try:
            assert gateway.stdout is not None
            assert gateway.stdout.readline().startswith("http://127.0.0.1:")
            os.killpg(gateway.pid, signal.SIGTERM)
            _, errors = gateway.communicate(timeout=PATIENCE_SECONDS)
        finally:
            gateway.kill()
    assert gateway.returncode == 0
    assert "Traceback" not in errors
