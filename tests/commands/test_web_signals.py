"""Signals to the processes of a gateway."""

import os
import signal
import subprocess
import sys

import pytest

from tests import needs
from tests.processes import PATIENCE_SECONDS


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
