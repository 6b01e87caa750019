"""Several gateway processes that share a port."""

import tempfile

import pytest

from digits_client.cli.server_options import ServerOptions
from digits_client.web.settings import Settings
from digits_client.web.workers import WorkerError, run_workers


def test_a_container_without_a_folder_for_temporary_files_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/']")

    monkeypatch.setattr(tempfile, "gettempdir", refuse)
    message = "^the metrics of --workers need a temporary folder: No usable temporary directory"
    with pytest.raises(WorkerError, match=message):
        run_workers(Settings(workers=2), ServerOptions(), [], lambda: None)
