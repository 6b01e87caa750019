"""The exit status that follows from a result."""

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
