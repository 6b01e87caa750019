"""Let a server work for a long time on everything at once, and look whether its memory stays flat.

    python scripts/soak.py --minutes 20

One server process, and callers that draw at random: good images as PNG and raw, batches,
broken images, calls that are cancelled, deadlines that cannot be met, drawings that are
streamed to their end, left in the middle, or whose connection is cut, and the Open
Inference Protocol. Memory is read every ten seconds; the first fifth of the time counts as
warm-up. Every answer to a good image is checked.

Exit status: 0 flat within 5 % and no wrong answer, 1 otherwise.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import subprocess
import sys
import threading
import time
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

CALLERS = 8
SAMPLE_SECONDS = 10.0
FLAT_WITHIN = 0.05
SAMPLES = [Path(f"samples/{digit}/marker.png") for digit in range(10)]


class Traffic:
    """What the callers do, and what came of it."""

    def __init__(self, address: str, seed: int) -> None:
        self._address = address
        self._chance = random.Random(seed)
        self._images = [sample.read_bytes() for sample in SAMPLES]
        self._frames = [
            np.asarray(Image.open(sample).convert("L").resize((28, 28), Image.Resampling.BOX))
            for sample in SAMPLES
        ]
        self.outcomes: Counter[str] = Counter()
        self.wrong = 0
        self._ways: list[tuple[Callable[[grpc.aio.Channel], Awaitable[str]], int]] = [
            (self._one, 30),
            (self._raw, 20),
            (self._batch, 10),
            (self._broken, 10),
            (self._cancelled, 10),
            (self._expired, 5),
            (self._drawing, 10),
            (self._drawing_left, 5),
            (self._inference, 5),
        ]

    async def call_until(self, end: float) -> None:
        """Call, on one connection after the other, until a time by time.monotonic."""
        while time.monotonic() < end:
            options = [("grpc.use_local_subchannel_pool", 1)]
            async with grpc.aio.insecure_channel(self._address, options) as channel:
                for _ in range(self._chance.randint(1, 400)):
                    if time.monotonic() > end:
                        break
                    ways, weights = zip(*self._ways, strict=True)
                    [way] = self._chance.choices(ways, weights)
                    try:
                        outcome = await way(channel)
                    except grpc.aio.AioRpcError as error:
                        outcome = f"{way.__name__.strip('_')}: {error.code().name}"
                    self.outcomes[outcome] += 1

    def _check(self, digit: int, answered: int | None) -> None:
        if answered != digit:
            self.wrong += 1

    async def _one(self, channel: grpc.aio.Channel) -> str:
        digit = self._chance.randrange(10)
        request = pb.RecognizeRequest(
            image=pb.Image(encoded=self._images[digit]), include_frame=self._chance.random() < 0.5
        )
        answer = await pb_grpc.RecognizerServiceStub(channel).Recognize(request, timeout=10)
        self._check(digit, answer.predictions[0].digit)
        return "one: OK"

    async def _raw(self, channel: grpc.aio.Channel) -> str:
        data = self._frames[self._chance.randrange(10)].tobytes()
        request = pb.RecognizeRequest(
            image=pb.Image(raw=pb.RawImage(width=28, height=28, data=data))
        )
        await pb_grpc.RecognizerServiceStub(channel).Recognize(request, timeout=10)
        return "raw: OK"

    async def _batch(self, channel: grpc.aio.Channel) -> str:
        digits = [self._chance.randrange(10) for _ in range(self._chance.randint(1, 32))]
        images = [pb.Image(encoded=self._images[digit]) for digit in digits]
        images.insert(self._chance.randrange(len(images) + 1), pb.Image(encoded=b"broken"))
        request = pb.RecognizeBatchRequest(images=images)
        answer = await pb_grpc.RecognizerServiceStub(channel).RecognizeBatch(request, timeout=20)
        answered = [result for result in answer.results if not result.HasField("error")]
        for digit, result in zip(digits, answered, strict=True):
            self._check(digit, result.predictions[0].digit)
        return "batch: OK"

    async def _broken(self, channel: grpc.aio.Channel) -> str:
        content = bytearray(self._images[self._chance.randrange(10)])
        del content[self._chance.randrange(len(content)) :]
        request = pb.RecognizeRequest(image=pb.Image(encoded=bytes(content)))
        await pb_grpc.RecognizerServiceStub(channel).Recognize(request, timeout=10)
        return "broken: OK"

    async def _cancelled(self, channel: grpc.aio.Channel) -> str:
        images = [pb.Image(encoded=image) for image in self._images]
        call = pb_grpc.RecognizerServiceStub(channel).RecognizeBatch(
            pb.RecognizeBatchRequest(images=images), timeout=10
        )
        await asyncio.sleep(self._chance.uniform(0, 0.01))
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        return "cancelled"

    async def _expired(self, channel: grpc.aio.Channel) -> str:
        request = pb.RecognizeRequest(image=pb.Image(encoded=self._images[0]))
        await pb_grpc.RecognizerServiceStub(channel).Recognize(
            request, timeout=self._chance.uniform(0, 0.003)
        )
        return "expired: OK after all"

    async def _drawing(self, channel: grpc.aio.Channel) -> str:
        stream = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(timeout=60)
        count = self._chance.randint(1, 40)
        for sequence in range(count):
            image = pb.Image(encoded=self._images[sequence % 10])
            await stream.write(pb.StreamingRecognizeRequest(sequence=sequence, image=image))
        await stream.done_writing()
        answers = [answer async for answer in stream]
        if len(answers) != count:
            self.wrong += 1
        return "drawing: OK"

    async def _drawing_left(self, channel: grpc.aio.Channel) -> str:
        own = grpc.aio.insecure_channel(self._address, [("grpc.use_local_subchannel_pool", 1)])
        stream = pb_grpc.RecognizerServiceStub(own).StreamingRecognize(timeout=60)
        for sequence in range(self._chance.randint(1, 10)):
            image = pb.Image(encoded=self._images[sequence])
            await stream.write(pb.StreamingRecognizeRequest(sequence=sequence, image=image))
        await stream.read()
        if self._chance.random() < 0.5:
            stream.cancel()
        await own.close()
        return "drawing left"

    async def _inference(self, channel: grpc.aio.Channel) -> str:
        frames = np.stack(self._frames)
        request = oip.ModelInferRequest(model_name="digits", raw_input_contents=[frames.tobytes()])
        request.inputs.add(name="images", datatype="UINT8", shape=frames.shape)
        await oip_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=10)
        return "inference: OK"


async def soak(address: str, pid: int, minutes: float, seed: int) -> list[float]:
    """Run the traffic and return the memory in MB, a figure for every ten seconds."""
    process = psutil.Process(pid)
    end = time.monotonic() + minutes * 60
    traffic = Traffic(address, seed)
    callers = [asyncio.ensure_future(traffic.call_until(end)) for _ in range(CALLERS)]
    memory = []
    while time.monotonic() < end:
        await asyncio.sleep(min(SAMPLE_SECONDS, max(end - time.monotonic(), 0.1)))
        memory.append(process.memory_info().rss / 1e6)
        if len(memory) % 6 == 0:
            print(f"{len(memory) * SAMPLE_SECONDS / 60:5.0f} min  {memory[-1]:.1f} MB", flush=True)
    await asyncio.gather(*callers)
    for outcome, count in sorted(traffic.outcomes.items()):
        print(f"{count:>9,}  {outcome}")
    print(f"{traffic.wrong:>9,}  wrong or missing answers; open files: {process.num_fds()}")
    if traffic.wrong:
        raise SystemExit(1)
    return memory


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parsed = parser.parse_args()
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", "--port", "0", "--admin-port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            address = next(line.split()[-1] for line in server.stderr if " ready on " in line)
            # What it logs later must not fill the pipe, which would stop it.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            memory = asyncio.run(soak(address, server.pid, parsed.minutes, parsed.seed))
        finally:
            server.terminate()
    fifth = max(len(memory) // 5, 1)
    warm, last = memory[fifth : 2 * fifth] or memory, memory[-fifth:]
    growth = statistics.median(last) / statistics.median(warm) - 1
    print(
        f"memory: {statistics.median(warm):.1f} MB after warm-up, {statistics.median(last):.1f} MB "
        f"in the last fifth: {growth:+.1%}; the most {max(memory):.1f} MB"
    )
    return int(abs(growth) > FLAT_WITHIN)


if __name__ == "__main__":
    sys.exit(main())
