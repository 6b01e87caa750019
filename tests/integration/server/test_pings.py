"""Pings of clients that have several servers: the server allows them."""

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from digits_client import AsyncClient

if TYPE_CHECKING:
    from .conftest import Running

# A ping per second; a server that allows fewer closes the connection after five.
CALL_SECONDS = 8
# gRPC's form of a name with several servers.
PREFIX = "dns:///"


async def test_a_call_that_takes_several_pings_is_not_cut_off(running_server: "Running") -> None:
    image = np.zeros((28, 28), np.uint8)
    image[10:18, 4:24] = 255  # a 7 for the fake model
    running_server.engine.free.clear()
    async with AsyncClient(PREFIX + running_server.server.address, timeout_seconds=60) as client:
        call = asyncio.ensure_future(client.recognize(image))
        await asyncio.wait([call], timeout=CALL_SECONDS)
        running_server.engine.free.set()
        assert (await call).digit == 7
    assert running_server.engine.calls == [1]  # and no second attempt
