"""Measure what more processes on one port gain, and what they cost.

    python benchmarks/end_to_end/workers.py [--workers 1,2] [--rounds 7] [--seconds 5] [--images 1]

The servers run side by side, and rounds alternate between them, so that what else the machine
does meets all alike. The callers are processes of their own, each with some connections, and
ask anew whenever they are answered. They share the cores with the server: its own share is
read from the CPU time that its processes take.
"""

import argparse
import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator

import grpc
import psutil

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server.models.registry import SELF_TEST_IMAGES

CALLERS = 2
CHANNELS_OF_A_CALLER = 8
CALLS_OF_A_CHANNEL = 2
DEADLINE_SECONDS = 60.0
MB = 1e6


class Served:
    """A server with so many workers, and what its rounds gave."""

    def __init__(self, process: subprocess.Popen[str], address: str, workers: int) -> None:
        self.address = address
        self.workers = workers
        self.rates: list[float] = []
        self.milliseconds: list[float] = []
        self._process = psutil.Process(process.pid)

    @property
    def processes(self) -> list[psutil.Process]:
        """All processes of the server, the supervisor first."""
        return [self._process, *self._process.children()]

    def measure(self, seconds: float, images: int) -> None:
        """Have the callers ask for so long."""
        before = self._cpu_seconds()
        callers = [
            subprocess.Popen(
                [
                    *(sys.executable, __file__, "--call", self.address),
                    *("--seconds", str(seconds), "--images", str(images)),
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(CALLERS)
        ]
        answered = sum(int(caller.communicate()[0]) for caller in callers)
        self.rates.append(answered / seconds)
        self.milliseconds.append((self._cpu_seconds() - before) / answered * 1000)

    def row(self) -> str:
        """Return a line of the table."""
        memory = [process.memory_info().rss / MB for process in self.processes]
        unshared = sum(process.memory_full_info().uss for process in self.processes) / MB
        each = " + ".join(f"{one:.0f}" for one in memory)
        return (
            f"| {self.workers} | {statistics.median(self.rates):,.0f} | "
            f"{min(self.rates):,.0f} .. {max(self.rates):,.0f} | "
            f"{statistics.median(self.milliseconds):.2f} ms | {each} MB | {unshared:.0f} MB |"
        )

    def _cpu_seconds(self) -> float:
        times = [process.cpu_times() for process in self.processes]
        return sum(time.user + time.system for time in times)


@contextlib.contextmanager
def serving(workers: int) -> Iterator[Served]:
    """Run a server for as long as the context lasts."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "digits_server", "--port", "0", "--workers", str(workers)),
            *("--max-wait-seconds", "60", "--max-queue-images", "1000000"),  # nothing is refused
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            found = (re.search(r"ready on (\S+)$", line) for line in process.stderr)
            yield Served(process, next(filter(None, found))[1], workers)
        finally:
            process.terminate()


async def call(address: str, content: bytes, seconds: float, images: int) -> int:
    """Ask in a closed loop over several connections; return how many calls were answered."""
    image = pb.Image(encoded=content)
    answered = 0
    loop = asyncio.get_running_loop()
    end = 0.0

    async def ask(channel: grpc.aio.Channel) -> None:
        nonlocal answered
        stub = pb_grpc.RecognizerServiceStub(channel)
        while loop.time() < end:
            if images == 1:
                await stub.Recognize(pb.RecognizeRequest(image=image), timeout=DEADLINE_SECONDS)
            else:
                request = pb.RecognizeBatchRequest(images=[image] * images)
                await stub.RecognizeBatch(request, timeout=DEADLINE_SECONDS)
            answered += loop.time() < end

    async with contextlib.AsyncExitStack() as stack:
        # Each its own connection: gRPC shares one between channels that are made alike.
        channels = [
            await stack.enter_async_context(
                grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
            )
            for _ in range(CHANNELS_OF_A_CALLER)
        ]
        await asyncio.gather(*(channel.channel_ready() for channel in channels))
        end = loop.time() + seconds
        await asyncio.gather(*(ask(channel) for channel in channels * CALLS_OF_A_CHANNEL))
    return answered


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5, help="of a round")
    parser.add_argument("--images", type=int, default=1, help="in a call")
    parser.add_argument("--call", metavar="ADDRESS", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.call:
        content = (SELF_TEST_IMAGES / "3.png").read_bytes()  # of MNIST's size
        print(asyncio.run(call(parsed.call, content, parsed.seconds, parsed.images)))
        return 0
    with contextlib.ExitStack() as servers:
        measured = [
            servers.enter_context(serving(int(workers))) for workers in parsed.workers.split(",")
        ]
        for served in measured:
            served.measure(1, parsed.images)  # warm
            served.rates.clear()
            served.milliseconds.clear()
        loads = []
        for _ in range(parsed.rounds):
            for served in measured:
                loads.append(os.getloadavg()[0])
                served.measure(parsed.seconds, parsed.images)
        print("| workers | calls a second | range | CPU time a call | memory | unshared |")
        print("|---|---|---|---|---|---|")
        for served in measured:
            print(served.row())
        print(f"load when rounds began: {min(loads):.1f} .. {max(loads):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
