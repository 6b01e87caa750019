"""A server that is made up."""

from collections.abc import AsyncIterator

import pytest

from digits_client.cli.server_options import ServerOptions

from .fake_server import FakeRecognizer, serving


@pytest.fixture
def recognizer() -> FakeRecognizer:
    """What the server of ``connection`` answers."""
    return FakeRecognizer()


@pytest.fixture
async def connection(recognizer: FakeRecognizer) -> AsyncIterator[ServerOptions]:
    """How to reach it."""
    async with serving(recognizer) as connection:
        yield connection
