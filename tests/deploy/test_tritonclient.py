"""Triton's own Python clients, unmodified, against ``digits-server`` and ``digits-web``."""

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from scripts.web_process import web_process
from tests.processes import PATIENCE_SECONDS, ROOT

if TYPE_CHECKING:
    from tests.processes import ServerProcess

PYTHON_VARIABLE = "DIGITS_TRITON_PYTHON"
# A separate environment, because tritonclient needs an older protobuf than digits does.
PYTHON = ROOT / ".venv-triton" / "bin" / "python"


@pytest.fixture(scope="module")
def python() -> str:
    """Path of a Python with tritonclient."""
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        return named
    if not PYTHON.exists():
        pytest.skip(
            f"no Python with tritonclient: {PYTHON_VARIABLE} is not set and "
            f"{PYTHON.relative_to(ROOT)} does not exist"
        )
    return str(PYTHON)


def run_clients(python: str, address: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-W", "error", str(ROOT / "scripts" / "tritonclient_check.py"), *flags, address],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_both_triton_clients_recognize_every_self_test_image(
    server: "ServerProcess", python: str
) -> None:
    done = run_clients(python, server.address)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    for client in ("tritonclient.grpc", "tritonclient.grpc.aio"):
        client_rows = [row for row in rows if row[0] == client]
        assert [row[1] for row in client_rows].count("infer") == 4
        assert {row[-1] for row in client_rows} == {"right"}


def test_both_triton_clients_for_http_recognize_every_self_test_image(
    server: "ServerProcess", python: str
) -> None:
    with web_process(server.address) as web:
        done = run_clients(python, web.address, "--http")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    for client in ("tritonclient.http", "tritonclient.http.aio"):
        client_rows = [row for row in rows if row[0] == client]
        assert [row[1] for row in client_rows].count("infer") == 8
        assert {row[-1] for row in client_rows} == {"right"}


def test_a_stopped_server_is_reported_in_one_line(server: "ServerProcess", python: str) -> None:
    server.process.kill()
    server.process.wait(PATIENCE_SECONDS)
    done = run_clients(python, server.address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{server.address}: ")
    assert "Traceback" not in done.stderr
