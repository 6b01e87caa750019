"""Fixtures for tests with programs that other people wrote."""

import pytest

from tests.deploy.manifests import Manifest, render
from tests.processes import environment, run, samples, server, start_server

__all__ = ["environment", "run", "samples", "server", "start_server"]


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Manifest]]:
    """The manifests that kustomize makes from each folder of deploy/kubernetes."""
    return render()
