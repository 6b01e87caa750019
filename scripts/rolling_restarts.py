"""Restart two servers one after the other under load, again and again, and count the lost calls.

    python -m scripts.rolling_restarts [--restarts 20] [--calls 100000]

Callers recognize the digits of the samples through the client library, which is given the
addresses of both servers. Each restart sends SIGTERM to a server, waits for its end, and starts it
again on its port; then the other one follows. A server drains for --drain-seconds, so that the
callers have found the other one: they retry a lost connection after up to a second. The restarts
are spread evenly over the calls.

A call is lost if it ends with an error, although the library retries within the call's deadline, or
with a wrong digit.

Exit status: 0 if no call was lost, 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import itertools
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from digits_client import AsyncClient
from digits_client.errors import DigitsError
from scripts.server_process import ServerProcess, server_process

CALLERS = 16
SLOW_SECONDS = 3.0
# The script ends after this time, however few calls the machine can make.
MAX_SECONDS = 1800.0
SAMPLES = [(digit, Path(f"samples/{digit}/marker.png").read_bytes()) for digit in range(10)]


@dataclass
class Calls:
    """What became of the calls."""

    started_count: int = 0
    slow_count: int = 0
    """Calls that took longer than SLOW_SECONDS, lost or not."""
    longest_seconds: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    """Lost calls by the error."""


class Server:
    """A server that is restarted on its port."""

    def __init__(self, flags: list[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._flags = [*flags, "--port", str(free.getsockname()[1])]
        self._stack = contextlib.ExitStack()
        self.running: ServerProcess | None = None

    def start(self) -> str:
        """Start the server, and return its address once it is ready."""
        self.running = self._stack.enter_context(server_process(*self._flags))
        return self.running.address

    def stop(self) -> float:
        """Send SIGTERM, wait for the end, and return how long it took, in seconds."""
        start = time.perf_counter()
        self._stack.close()
        return time.perf_counter() - start


async def call_repeatedly(client: AsyncClient, calls: Calls, stop: asyncio.Event) -> None:
    """Recognize one sample after the other until the event is set."""
    for digit, content in itertools.cycle(SAMPLES):
        if stop.is_set():
            return
        calls.started_count += 1
        start = time.perf_counter()
        try:
            prediction = await client.recognize(content)
        except DigitsError as error:
            calls.lost[f"{type(error).__name__}: {error}"] += 1
        else:
            calls.lost["wrong digit"] += prediction.digit != digit
        seconds = time.perf_counter() - start
        calls.slow_count += seconds > SLOW_SECONDS
        calls.longest_seconds = max(calls.longest_seconds, seconds)


async def restart_repeatedly(
    servers: list[Server], restarts: int, call_count: int, calls: Calls
) -> list[float]:
    """Restart all servers as often as given, spread over the calls.

    Returns:
        How long each server took to end, in seconds.
    """
    stop_seconds = []
    for number in range(restarts):
        while calls.started_count < call_count * (number + 1) / (restarts + 1):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        for server in servers:
            stop_seconds.append(await asyncio.to_thread(server.stop))
            await asyncio.to_thread(server.start)
    while calls.started_count < call_count:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return stop_seconds


async def measure(servers: list[Server], restarts: int, call_count: int) -> int:
    """Restart servers under load, print what became of the calls, and return the exit status."""
    calls, stop = Calls(), asyncio.Event()
    address = ",".join(server.start() for server in servers)
    stop_seconds: list[float] = []
    async with AsyncClient(address) as client, asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(call_repeatedly(client, calls, stop))
        try:
            async with asyncio.timeout(MAX_SECONDS):
                stop_seconds = await restart_repeatedly(servers, restarts, call_count, calls)
        except TimeoutError:
            print(f"gave up after {MAX_SECONDS:g} s")
        stop.set()
    lost_count = calls.lost.total()
    print(
        f"{len(stop_seconds)} restarts of servers, {calls.started_count:,} calls: "
        f"{lost_count} lost, {calls.slow_count} took over {SLOW_SECONDS:g} s, "
        f"longest {calls.longest_seconds:.2f} s"
    )
    for error, count in calls.lost.items():
        if count:
            print(f"{count:>9,}  {error}")
    if stop_seconds:
        print(f"a server ended within {max(stop_seconds):.2f} s of SIGTERM")
    return int(lost_count > 0 or not stop_seconds)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.rolling_restarts", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--restarts", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--calls", type=int, default=100_000, help="default: %(default)s")
    parser.add_argument("--drain-seconds", type=float, default=2.0, help="default: %(default)s")
    parsed = parser.parse_args()
    servers = [Server([f"--drain-seconds={parsed.drain_seconds}"]) for _ in range(2)]
    try:
        return asyncio.run(measure(servers, parsed.restarts, parsed.calls))
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
