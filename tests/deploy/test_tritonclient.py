"""Clients that were made for Triton, unmodified, against a ``digits-server``."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.commands.conftest import ServerProcess

ROOT = Path(__file__).resolve().parents[2]
PYTHON_VARIABLE = "DIGITS_TRITON_PYTHON"
# Its own environment, because tritonclient needs an older protobuf than ours.
PYTHON = ROOT / ".venv-triton" / "bin" / "python"
PATIENCE_SECONDS = 100


@pytest.fixture(scope="module")
def python() -> str:
    """A Python that has tritonclient."""
    named = os.environ.get(PYTHON_VARIABLE)
    if named:
        return named
    if not PYTHON.exists():
        pytest.skip(
            f"no Python with tritonclient: {PYTHON_VARIABLE} is not set, and there is no "
            f"{PYTHON.relative_to(ROOT)}"
        )
    return str(PYTHON)


def ask(python: str, address: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-W", "error", str(ROOT / "scripts" / "tritonclient_check.py"), address],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_both_clients_of_triton_get_every_known_digit(server: "ServerProcess", python: str) -> None:
    done = ask(python, server.address)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    for client in ("tritonclient.grpc", "tritonclient.grpc.aio"):
        of_client = [row for row in rows if row[0] == client]
        assert [row[1] for row in of_client].count("infer") == 4
        assert {row[-1] for row in of_client} == {"right"}


def test_a_server_that_has_gone_is_said_in_one_line(server: "ServerProcess", python: str) -> None:
    server.process.kill()
    server.process.wait(PATIENCE_SECONDS)
    done = ask(python, server.address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{server.address}: ")
    assert "Traceback" not in done.stderr
