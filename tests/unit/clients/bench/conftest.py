"""A server with scripted responses."""

from collections.abc import AsyncIterator

import pytest

from digits_client.cli.server_options import ServerOptions

from .fake_server import FakeRecognizer, serve


@pytest.fixture
def recognizer() -> FakeRecognizer:
    """The service behind ``server``."""
    return FakeRecognizer()


@pytest.fixture
async def server(recognizer: FakeRecognizer) -> AsyncIterator[ServerOptions]:
    """A running server."""
    async with serve(recognizer) as options:
        yield options
