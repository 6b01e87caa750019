"""Load a server with mixed traffic for a long time, and check that its memory stays flat.

    python -m scripts.soak [--minutes 20] [--seed 1]

Eight callers send at random: single images as PNG and raw, batches, truncated images, calls that
are cancelled, deadlines that cannot be met, streams that end, are left open or are cut off, and
calls of the Open Inference Protocol. Each caller changes its connection now and then. The
predictions for valid images are checked. Memory is read every ten seconds; the first fifth of the
time is warm-up.

Exit status: 0 if memory is flat within 5 % and every prediction is right, 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import statistics
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import numpy as np
import psutil
from PIL import Image

from digits.inference.v2 import inference_pb2 as oip
from digits.inference.v2 import inference_pb2_grpc as oip_grpc
from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client.bench.load import closed_loop
from digits_client.bench.recording import OK, Meter, Outcome
from scripts.server_process import server_process

CALLERS = 8
MEMORY_INTERVAL_SECONDS = 10.0
MAX_GROWTH = 0.05
MAX_CALLS_PER_CONNECTION = 400
SAMPLES = [Path(f"samples/{digit}/marker.png") for digit in range(10)]
PNGS = [sample.read_bytes() for sample in SAMPLES]
PIXELS = [
    np.asarray(Image.open(sample).convert("L").resize((28, 28), Image.Resampling.BOX))
    for sample in SAMPLES
]


def open_channel(address: str) -> grpc.aio.Channel:
    """Return a channel with its own connection."""
    return grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])


class Caller:
    """Makes random calls over one connection at a time."""

    def __init__(self, address: str, seed: str) -> None:
        self.wrong_count = 0
        """Wrong predictions and missing responses."""
        self._address = address
        self._rng = random.Random(seed)
        self._channel = open_channel(address)
        self._stub = pb_grpc.RecognizerServiceStub(self._channel)
        self._calls_left = self._rng.randint(1, MAX_CALLS_PER_CONNECTION)
        self._weights: dict[Callable[[], Awaitable[None]], int] = {
            self._single: 30,
            self._raw: 20,
            self._batch: 10,
            self._truncated: 10,
            self._cancelled: 10,
            self._expired: 5,
            self._stream: 10,
            self._abandoned_stream: 5,
            self._inference: 5,
        }

    async def make_call(self, _request: bytes) -> Outcome:
        """Make one random call, and count its kind and status."""
        if self._calls_left == 0:
            await self.close()
            self._channel = open_channel(self._address)
            self._stub = pb_grpc.RecognizerServiceStub(self._channel)
            self._calls_left = self._rng.randint(1, MAX_CALLS_PER_CONNECTION)
        self._calls_left -= 1
        [kind] = self._rng.choices([*self._weights], [*self._weights.values()])
        status = OK
        try:
            await kind()
        except grpc.aio.AioRpcError as error:
            status = error.code().name
        # Many of these calls fail on purpose: the loop must not pause as after a failure.
        return Outcome(OK, {f"{kind.__name__.strip('_')}: {status}": 1})

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    def _digit(self) -> int:
        return self._rng.randrange(10)

    async def _single(self) -> None:
        digit = self._digit()
        image = pb.Image(encoded=PNGS[digit])
        request = pb.RecognizeRequest(image=image, include_frame=self._rng.random() < 0.5)
        response = await self._stub.Recognize(request, timeout=10)
        self.wrong_count += response.predictions[0].digit != digit

    async def _raw(self) -> None:
        raw = pb.RawImage(width=28, height=28, data=PIXELS[self._digit()].tobytes())
        request = pb.RecognizeRequest(image=pb.Image(raw=raw))
        await self._stub.Recognize(request, timeout=10)

    async def _batch(self) -> None:
        digits = [self._digit() for _ in range(self._rng.randint(1, 32))]
        images = [pb.Image(encoded=PNGS[digit]) for digit in digits]
        images.insert(self._rng.randrange(len(images) + 1), pb.Image(encoded=b"not an image"))
        request = pb.RecognizeBatchRequest(images=images)
        response = await self._stub.RecognizeBatch(request, timeout=20)
        results = [result for result in response.results if not result.HasField("error")]
        for digit, result in zip(digits, results, strict=True):
            self.wrong_count += result.predictions[0].digit != digit

    async def _truncated(self) -> None:
        content = PNGS[self._digit()]
        image = pb.Image(encoded=content[: self._rng.randrange(len(content))])
        await self._stub.Recognize(pb.RecognizeRequest(image=image), timeout=10)

    async def _cancelled(self) -> None:
        images = [pb.Image(encoded=content) for content in PNGS]
        call = self._stub.RecognizeBatch(pb.RecognizeBatchRequest(images=images), timeout=10)
        await asyncio.sleep(self._rng.uniform(0, 0.01))
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call

    async def _expired(self) -> None:
        request = pb.RecognizeRequest(image=pb.Image(encoded=PNGS[0]))
        await self._stub.Recognize(request, timeout=self._rng.uniform(0, 0.003))

    async def _stream(self) -> None:
        stream = self._stub.StreamingRecognize(timeout=60)
        count = self._rng.randint(1, 40)
        for sequence in range(count):
            image = pb.Image(encoded=PNGS[sequence % 10])
            await stream.write(pb.StreamingRecognizeRequest(sequence=sequence, image=image))
        await stream.done_writing()
        self.wrong_count += len([response async for response in stream]) != count

    async def _abandoned_stream(self) -> None:
        channel = open_channel(self._address)
        stream = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(timeout=60)
        for sequence in range(self._rng.randint(1, 10)):
            image = pb.Image(encoded=PNGS[sequence])
            await stream.write(pb.StreamingRecognizeRequest(sequence=sequence, image=image))
        await stream.read()
        if self._rng.random() < 0.5:
            stream.cancel()
        await channel.close()

    async def _inference(self) -> None:
        pixels = np.stack(PIXELS)
        request = oip.ModelInferRequest(model_name="digits", raw_input_contents=[pixels.tobytes()])
        request.inputs.add(name="images", datatype="UINT8", shape=pixels.shape)
        await oip_grpc.GRPCInferenceServiceStub(self._channel).ModelInfer(request, timeout=10)


async def soak(
    address: str, process: psutil.Process, seconds: float, seed: int
) -> tuple[list[float], Counter[str], int]:
    """Load a server and watch its memory.

    Returns:
        The memory in MB every ten seconds, the calls by kind and status, and the number of wrong
        predictions.
    """
    callers = [Caller(address, f"{seed} {number}") for number in range(CALLERS)]
    stop = asyncio.Event()
    meter = Meter(asyncio.get_running_loop().time(), seconds, repeats=1)
    make_calls = [caller.make_call for caller in callers]
    loop = asyncio.create_task(closed_loop(make_calls, itertools.repeat(b""), CALLERS, meter, stop))
    end = meter.end_of(0)
    memory_mb = []
    while not loop.done() and meter.now() < end:
        await asyncio.sleep(min(MEMORY_INTERVAL_SECONDS, max(end - meter.now(), 0.1)))
        memory_mb.append(process.memory_info().rss / 1e6)
        if len(memory_mb) % 6 == 0:
            minutes = len(memory_mb) * MEMORY_INTERVAL_SECONDS / 60
            print(f"{minutes:5.0f} min  {memory_mb[-1]:.1f} MB", flush=True)
    stop.set()
    await loop
    for caller in callers:
        await caller.close()
    wrong_count = sum(caller.wrong_count for caller in callers)
    return memory_mb, meter.recordings[0].images, wrong_count


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.soak", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parsed = parser.parse_args()
    with server_process("--admin-port", "0") as server:
        memory_mb, calls, wrong_count = asyncio.run(
            soak(server.address, server.process, parsed.minutes * 60, parsed.seed)
        )
        open_files = server.process.num_fds()
    for call, count in sorted(calls.items()):
        print(f"{count:>9,}  {call}")
    print(f"{wrong_count:>9,}  wrong predictions and missing responses; {open_files} open files")
    fifth = max(len(memory_mb) // 5, 1)
    warm = statistics.median(memory_mb[fifth : 2 * fifth] or memory_mb)
    last = statistics.median(memory_mb[-fifth:])
    growth = last / warm - 1
    print(
        f"memory: {warm:.1f} MB after warm-up, {last:.1f} MB in the last fifth: {growth:+.1%}; "
        f"maximum {max(memory_mb):.1f} MB"
    )
    return int(wrong_count > 0 or abs(growth) > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
