"""The exit status that follows from a result."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from digits_client.bench import cli
from digits_client.bench.result import Result

from .made_results import recording, result


@pytest.mark.parametrize(
    ("allowed", "status"), [("0", cli.EXIT_FAILED), ("0.04", 1), ("0.05", cli.EXIT_MEASURED)]
)
def test_more_errors_than_allowed_exit_1(
    allowed: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(_: object) -> Result:
        return result(recording(95, INTERNAL=5))

    monkeypatch.setattr(cli, "_measure", measure)
    assert cli.main(["--max-errors", allowed]) == status


def test_an_address_or_a_folder_of_any_characters_is_plotted_and_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measure(_: object) -> Result:
        measured = result(recording(95))
        workload = dataclasses.replace(measured.workload, images=Path("caf\udce9"))
        return dataclasses.replace(measured, workload=workload)

    monkeypatch.setattr(cli, "_measure", measure)
    assert cli.main(["--plot", str(tmp_path / "latency.svg")]) == cli.EXIT_MEASURED
    assert b"caf\\udce9" in (tmp_path / "latency.svg").read_bytes()


def closed_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def full_disk() -> TextIO:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    return Path("/dev/full").open("w")


@pytest.mark.parametrize(
    ("open_output", "reason"),
    [(closed_pipe, "Broken pipe"), (full_disk, "No space left on device")],
)
def test_an_output_that_cannot_be_written_exits_2_and_leaves_the_files(
    open_output: Callable[[], TextIO],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(cli, "_measure", lambda _: result(recording(95)))
    with open_output() as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert cli.main(["--json", str(tmp_path / "result.json")]) == cli.EXIT_USAGE
    errors = capsys.readouterr().err
    assert errors == f"digits-bench: cannot write standard output: {reason}\n"
    assert json.loads((tmp_path / "result.json").read_text())["calls_by_status"] == {"OK": 95}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_file_that_cannot_be_written_exits_2_and_the_result_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_measure", lambda _: result(recording(95)))
    assert cli.main(["--json", "/dev/full"]) == cli.EXIT_USAGE
    output, errors = capsys.readouterr()
    assert "calls/s" in output
    assert errors == "digits-bench: cannot write /dev/full: No space left on device\n"
