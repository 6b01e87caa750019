"""Fixtures for tests of the commands."""

import pytest

from digits_training.datasets import DatasetError, Mnist, load_mnist
from tests.processes import (
    environment,
    models_dir,
    run,
    samples,
    server,
    shared_server,
    start_server,
)

__all__ = [
    "environment",
    "models_dir",
    "run",
    "samples",
    "server",
    "shared_server",
    "start_server",
]


@pytest.fixture(scope="session")
def mnist() -> Mnist:
    """MNIST; tests that need it are skipped where it is not available."""
    try:
        return load_mnist(download=False)
    except DatasetError as error:
        pytest.skip(str(error))
