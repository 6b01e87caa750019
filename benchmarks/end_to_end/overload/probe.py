"""Calls at a low, constant rate that sample what callers get while others load the server."""

import asyncio
import itertools

from digits_client.bench.calls import call_function, open_channel
from digits_client.bench.load import open_loop
from digits_client.bench.recording import Meter, Recording
from digits_client.bench.schedule import Arrivals, due_times
from digits_client.bench.workload import CallKind
from digits_client.cli.server_options import ServerOptions

# The calls in flight on one connection are limited.
CONNECTIONS = 8


def probe(
    address: str,
    request: bytes,
    *,
    rate: float,
    timeout_seconds: float,
    delay_seconds: float,
    seconds: float,
) -> Recording:
    """Call ``Recognize`` at a rate and return the statuses and latencies of all calls.

    Args:
        address: ``host:port``.
        request: The serialized message.
        rate: Calls per second.
        timeout_seconds: Deadline of each call.
        delay_seconds: Time before the first call.
        seconds: Time from the first call to the last; the calls in flight may take longer.
    """

    async def run() -> Recording:
        server = ServerOptions(address)
        channels = [open_channel(server) for _ in range(CONNECTIONS)]
        for channel in channels:
            await channel.channel_ready()
        calls = [
            call_function(channel, CallKind.UNARY, 1, server, timeout_seconds)
            for channel in channels
        ]
        start = asyncio.get_running_loop().time() + delay_seconds
        meter = Meter(start, seconds, repeats=1)
        times = (start + time for time in due_times(Arrivals.CONSTANT, rate, seed=""))
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(open_loop(calls, itertools.repeat(request), times, meter, stop))
            await asyncio.sleep(delay_seconds + seconds)
            stop.set()
        for channel in channels:
            await channel.close()
        return meter.recordings[0]

    return asyncio.run(run())
