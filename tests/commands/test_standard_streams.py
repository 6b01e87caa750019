"""Standard streams that are closed or cannot be written, the same for every command."""

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "digits-server": "digits_server.cli",
    "digits-batch": "digits_client.batch.cli",
    "digits-bench": "digits_client.bench.cli",
    "digits-draw": "digits_client.draw.cli",
    "digits-web": "digits_client.web.cli",
    "digits-train": "digits_training.cli",
}

pytestmark = [
    pytest.mark.parametrize("name", COMMANDS),
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full"),
]


def run(name: str, arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with redirections of a shell."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m {COMMANDS[name]} {arguments}', sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_say_in_one_line_that_they_cannot_be_written(
    name: str, option: str
) -> None:
    done = run(name, f"{option} >/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        f"{name}: cannot write standard output: No space left on device\n",
    )


def test_help_is_printed_while_the_other_streams_are_closed(name: str) -> None:
    done = run(name, "--help <&- 2>&-")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: {name}")


def test_wrong_usage_exits_2_though_the_reason_cannot_be_written(name: str) -> None:
    for redirection in ("2>/dev/full", "2>&-", ">/dev/full"):
        assert run(name, f"--no-such-option {redirection}").returncode == 2
