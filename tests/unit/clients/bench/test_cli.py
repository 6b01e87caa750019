"""The exit status that follows from a result."""

import dataclasses
from pathlib import Path

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
