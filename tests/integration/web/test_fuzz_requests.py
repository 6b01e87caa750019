"""Broken requests always get a proper status and do not affect later ones."""

from pathlib import Path

import psutil
import pytest

from scripts.fuzz_web import fuzz
from scripts.web_process import WebProcess
from tests.processes import ServerProcess

from .conftest import StartWeb


@pytest.mark.parametrize("seed", range(2))
async def test_mutated_requests_have_proper_statuses(
    start_web: StartWeb, digits_server: ServerProcess, tmp_path: Path, seed: int
) -> None:
    web = start_web(digits_server.address, "--corrections", str(tmp_path / "corrections"))
    process = WebProcess(web.url, psutil.Process(web.process.pid))
    assert await fuzz(process, 320, seed, tmp_path) == 0
    metrics = web.client.get("/metrics").text
    assert "digits_web_requests_in_flight 1.0" in metrics
    assert "digits_web_body_bytes 0.0" in metrics
