"""The commands on a system that lacks what only Linux, or only POSIX systems have."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits_client import Client
from tests.commands.test_server_log import photo
from tests.features import FEATURES, without
from tests.processes import PATIENCE_SECONDS, SAMPLES, running_server

if TYPE_CHECKING:
    from tests.processes import Run


@pytest.fixture
def elsewhere(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Environment variables of processes on another system."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return without(FEATURES, folder, environment)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_serves_and_ends_by_a_signal(
    elsewhere: dict[str, str], models_dir: Path, tmp_path: Path, number: signal.Signals
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("0123456789abcdef\n")
    flags = ("--port", "0", "--admin-port", "0", "--models-dir", str(models_dir))
    with running_server(elsewhere, *flags, "--tokens-file", str(tokens)) as server:
        with Client(server.address, token_file=tokens) as client:
            assert client.recognize(SAMPLES[3]).digit == 3
            assert client.recognize(photo()).verdict.value == "blank"
        server.process.send_signal(number)
        _, log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 0
    assert log.endswith("stopped\n")
    assert "Traceback" not in log


def test_a_server_ends_with_its_standard_input(elsewhere: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", "--port", "0", "--until-stdin-ends"],
        env=elsewhere,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with Client(json.loads(process.stdout.readline())["address"]) as client:
                assert client.recognize(SAMPLES[3]).digit == 3
            process.stdin.close()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--workers", "2"),
            "--workers: this system does not spread connections over processes; use 1",
        ),
        (("--host", "unix:/run/x"), "--host: this system has no Unix sockets for Python programs"),
    ],
)
def test_what_the_system_lacks_is_a_usage_error(
    run: "Run", elsewhere: dict[str, str], flags: tuple[str, ...], message: str
) -> None:
    done = run("digits_server", *flags, **elsewhere)
    assert done.returncode == 2
    assert done.stderr == f"digits-server: error: {message}; see digits-server --help\n"


@pytest.mark.parametrize("row_format", ["csv", "jsonl", "parquet"])
def test_batch_output_is_written_and_resumed(
    run: "Run", elsewhere: dict[str, str], tmp_path: Path, row_format: str
) -> None:
    if row_format == "parquet":
        pytest.importorskip("pyarrow")
    output = tmp_path / f"rows.{row_format}"
    batch = ("digits_client.batch.cli", "--output", str(output), "--resume")
    for count in (1, 2):
        failed = ("--errors-to", str(tmp_path / "failed"))
        done = run(*batch, *SAMPLES[:count], *failed, **elsewhere)
        assert done.returncode == 0, done.stderr
        assert f"{count} of {count} labeled image" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "failed", output.name}
    empty = run(*batch[:2], str(tmp_path / "empty.csv"), str(tmp_path / "no"), **elsewhere)
    assert empty.returncode == 2
    assert not (tmp_path / "empty.csv.part").exists()


def test_a_load_test_runs(run: "Run", elsewhere: dict[str, str]) -> None:
    with running_server(elsewhere, "--port", "0") as server:
        done = run(
            *("digits_client.bench.cli", "--server", server.address, "--rate", "20"),
            *("--warmup", "0", "--seconds", "0.5", "--repeats", "1"),
            **elsewhere,
        )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_ctrl_c_before_the_server_handles_it_leaves_no_traceback() -> None:
    program = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "digits_server.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
from digits_server.cli import main
main([])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
