"""Measure what a server does with more than it can: goodput and waiting at multiples of capacity.

    python benchmarks/end_to_end/overload.py [--seconds 8] [--multiples 1,2,3] [--images 1]

The server has one core and the callers another, where there are two, so that the callers
do not take the server's time. Capacity is what callers in a closed loop get done, with 64
images under way in all; then calls are sent at multiples of it, whether the earlier ones
have been answered or not, each with a deadline of 5 s. Answered in time counts as goodput.
"""

import argparse
import asyncio
import io
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc
import numpy as np
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

DEADLINE_SECONDS = 5.0
IMAGES_UNDER_WAY = 64
CHANNELS = 8
SIDE = 300


@dataclass
class Outcome:
    """What came of the calls of one round."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """Seconds by which calls were sent late: the callers' own fault, and a limit of theirs."""
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def goodput(self) -> float:
        """Calls answered, a second."""
        return len(self.latencies) / self.seconds

    def row(self, name: str, offered: float | None, peak: float) -> str:
        """Return a line of the table."""
        p50, p99 = np.quantile(self.latencies, (0.5, 0.99)) * 1000
        refused = ", ".join(f"{count} {code}" for code, count in sorted(self.codes.items()))
        sent = "" if offered is None else f"{offered:,.0f}"
        return (
            f"| {name} | {sent} | {self.goodput:,.0f} | {self.goodput / peak:.0%} | "
            f"{p50:.0f} ms | {p99:.0f} ms | {np.quantile(self.late, 0.99) * 1000:.0f} ms | "
            f"{refused or 'none'} |"
        )


class Callers:
    """Calls over several connections."""

    def __init__(self, address: str, image_count: int) -> None:
        # Each its own connection: gRPC shares one between channels that are made alike.
        self._channels = [
            grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
            for _ in range(CHANNELS)
        ]
        self._stubs = [pb_grpc.RecognizerServiceStub(channel) for channel in self._channels]
        image = pb.Image(encoded=drawing())
        self._one = pb.RecognizeRequest(image=image)
        self._many = pb.RecognizeBatchRequest(images=[image] * image_count)
        self._image_count = image_count
        self.count = max(4, IMAGES_UNDER_WAY // image_count)
        self._call_count = 0

    async def close(self) -> None:
        """Close the connections."""
        for channel in self._channels:
            await channel.close()

    async def closed_loop(self, seconds: float) -> Outcome:
        """Call anew whenever a call has ended."""
        outcome = Outcome()
        began = time.perf_counter()

        async def ask() -> None:
            while time.perf_counter() - began < seconds:
                await self._call(outcome)

        await asyncio.gather(*(ask() for _ in range(self.count)))
        outcome.seconds = time.perf_counter() - began
        return outcome

    async def open_loop(self, rate: float, seconds: float) -> Outcome:
        """Call so many times a second, whatever becomes of the calls."""
        outcome = Outcome()
        calls = set()
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (ahead := due - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            call = asyncio.ensure_future(self._call(outcome, due))
            calls.add(call)
            call.add_done_callback(calls.discard)
        outcome.seconds = time.perf_counter() - began
        if calls:
            await asyncio.wait(calls)
        return outcome

    async def _call(self, outcome: Outcome, due: float | None = None) -> None:
        began = time.perf_counter()
        outcome.late.append(began - (due or began))
        self._call_count += 1
        try:
            stub = self._stubs[self._call_count % CHANNELS]
            if self._image_count == 1:
                await stub.Recognize(self._one, timeout=DEADLINE_SECONDS)
            else:
                await stub.RecognizeBatch(self._many, timeout=DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            outcome.codes[error.code().name] += 1
        else:
            outcome.latencies.append(time.perf_counter() - began)


def drawing() -> bytes:
    """Return a drawn digit as PNG."""
    with Image.open("samples/3/marker.png") as sample:
        out = io.BytesIO()
        sample.convert("L").resize((SIDE, SIDE)).save(out, "PNG")
        return out.getvalue()


async def measure(address: str, image_count: int, seconds: float, multiples: list[float]) -> None:
    """Print the table."""
    callers = Callers(address, image_count)
    await callers.closed_loop(2)  # warm
    peak = await callers.closed_loop(seconds)
    print(
        "| | offered a second | answered a second | of the peak | p50 | p99 | sent late, p99 "
        "| not answered |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print(peak.row(f"{callers.count} callers, each after its answer", None, peak.goodput))
    for multiple in multiples:
        rate = peak.goodput * multiple
        outcome = await callers.open_loop(rate, seconds)
        print(outcome.row(f"{multiple:g} times the peak", rate, peak.goodput), flush=True)
        await asyncio.sleep(1)
    await callers.close()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--multiples", default="1,2,3")
    parser.add_argument("--images", type=int, default=1, help="in a call")
    parser.add_argument("flags", nargs="*", help="for the server, after --")
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])  # the server inherits it
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", "--port", "0", *parsed.flags],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            address = next(line.split()[-1] for line in server.stderr if " ready on " in line)
            os.sched_setaffinity(0, cores[-1:])
            multiples = [float(multiple) for multiple in parsed.multiples.split(",")]
            asyncio.run(measure(address, parsed.images, parsed.seconds, multiples))
        finally:
            server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
