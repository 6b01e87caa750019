"""Compare the ways of a single image: in place, or by way of the other threads.

    python benchmarks/end_to_end/in_place.py [--rounds 5]

Three servers: one frames and answers a lone small image in place, as it ships; one hands it to
the model's thread, which frames it; one has a decoding thread frame it before. Each is asked
for a method that does nothing much (GetModel) and for a raw image of 28 x 28, by one caller
and by 32 at once, in turn, several rounds. What counts is the ratio of the two.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import grpc
import numpy as np

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server import app, models
from digits_server.inference import recognizer
from digits_server.ops.metrics import Metrics
from digits_server.settings import Settings

WAYS = ("in place", "model's thread", "both threads")
ALONE_COUNT = 300
CALLERS = 32
CROWD_COUNT = 1600
Ask = Callable[[], Awaitable[object]]


async def serve(way: str) -> None:
    """Serve in one of the ways until standard input ends."""
    if way == "both threads":
        recognizer.SMALL_PIXELS = -1  # type: ignore[misc]  # which is what is compared
    elif way == "model's thread":
        recognizer.IN_PLACE_SECONDS = -1  # type: ignore[misc]
    settings = replace(Settings(), port=0)
    metrics = Metrics()
    watcher = models.ModelWatcher(settings.models_dir, 0, settings.threads, metrics)
    async with app.running(settings, await watcher.load_first(), metrics) as server:
        print(server.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def measured(ask: Ask) -> tuple[float, float]:
    """Return milliseconds a call alone (the median), and calls a second in a crowd."""
    for _ in range(50):
        await ask()
    alone = []
    for _ in range(ALONE_COUNT):
        began = time.perf_counter()
        await ask()
        alone.append(time.perf_counter() - began)

    async def several() -> None:
        for _ in range(CROWD_COUNT // CALLERS):
            await ask()

    began = time.perf_counter()
    await asyncio.gather(*(several() for _ in range(CALLERS)))
    return statistics.median(alone) * 1000, CROWD_COUNT / (time.perf_counter() - began)


async def compare(addresses: dict[str, str], rounds: int) -> None:
    """Print the table."""
    gray = np.zeros((28, 28), np.uint8)
    gray[4:24, 13:16] = 255
    request = pb.RecognizeRequest(
        image=pb.Image(raw=pb.RawImage(width=28, height=28, data=gray.tobytes()))
    )
    rows: dict[str, list[tuple[float, ...]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, address in addresses.items():
            async with grpc.aio.insecure_channel(address) as channel:
                stub = pb_grpc.RecognizerServiceStub(channel)
                nothing = await measured(lambda stub=stub: stub.GetModel(pb.GetModelRequest()))  # type: ignore[misc]
                image = await measured(lambda stub=stub: stub.Recognize(request))  # type: ignore[misc]
            rows[way].append((*image, image[0] / nothing[0], image[1] / nothing[1]))
    print("| way | alone | of GetModel's | 32 at once | of GetModel's |")
    print("|---|---|---|---|---|")
    for way, measures in rows.items():
        alone, crowd, alone_ratio, crowd_ratio = map(statistics.median, zip(*measures, strict=True))
        print(
            f"| {way} | {alone:.2f} ms | {alone_ratio:.2f} | {crowd:,.0f}/s | {crowd_ratio:.2f} |"
        )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    if parsed.serve:
        asyncio.run(serve(parsed.serve))
        return 0
    servers = {
        way: subprocess.Popen(
            [sys.executable, __file__, "--serve", way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for way in WAYS
    }
    addresses = {
        way: server.stdout.readline().strip() for way, server in servers.items() if server.stdout
    }
    asyncio.run(compare(addresses, parsed.rounds))
    for server in servers.values():
        server.communicate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
