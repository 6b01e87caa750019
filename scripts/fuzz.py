"""Send broken images and messages to the server, and check that it rejects them properly.

    python -m scripts.fuzz [--inputs 20000] [--target decode|calls|all] [--seed 1]

    decode   mutated images to the decoder and to the search for readings, in a separate process
    calls    mutated messages to every method of a real server

Findings are: an exception other than InvalidArgumentError, a reading that is not a frame, an input
that takes more than 5 s, a process that dies, a status that no caller should see, and a server that
does not recognize a valid image afterwards. --out keeps the inputs of findings. Memory is shown
after a tenth of the inputs and at the end.

Exit status: 0 without findings, 1 with findings.
"""

import argparse
import asyncio
import faulthandler
import io
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
from PIL import Image

from digits.inference.v2 import inference_pb2 as oip
from digits.v1 import recognizer_pb2 as pb
from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.readings import MAX_READINGS, Reading
from digits_server.preprocessing.search import find_readings
from digits_server.preprocessing.strips import MAX_COLUMNS
from scripts.server_process import server_process

MAX_SECONDS = 5.0
CALLS_IN_FLIGHT = 16
CALLS_PER_HEALTH_CHECK = 1000
METHODS = {
    "/digits.v1.RecognizerService/Recognize": pb.RecognizeRequest,
    "/digits.v1.RecognizerService/RecognizeBatch": pb.RecognizeBatchRequest,
    "/digits.v1.RecognizerService/StreamingRecognize": pb.StreamingRecognizeRequest,
    "/digits.v1.RecognizerService/GetModel": pb.GetModelRequest,
    "/inference.GRPCInferenceService/ModelInfer": oip.ModelInferRequest,
    "/inference.GRPCInferenceService/ModelMetadata": oip.ModelMetadataRequest,
    "/grpc.health.v1.Health/Check": pb.GetModelRequest,
}
# gRPC's asyncio client reports this when a stream ends while it is sending. It comes from no
# server, and hides the server's status (grpc/grpc issue 36066).
CLIENT_ERROR = "Internal error from Core"
ENDED_WHILE_SENDING = "ended while sending"
PROPER = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"),
    ENDED_WHILE_SENDING,
}
# A path or the name of an exception would reveal internals to the caller.
LEAK = re.compile(r"Traceback|/[a-z]+/[a-z_]+\.py|\b[A-Z][A-Za-z]+(Error|Exception)\b")
BOUNDARY_VALUES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
FINDING = "FINDING "


def seed_images() -> list[bytes]:
    """Return valid images in every format and many modes."""
    gray = Image.fromarray(np.pad(np.full((16, 4), 255, np.uint8), 12))
    images = []
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        *((mode, "PNG", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("L", "JPEG", {}),
        ("RGB", "JPEG", {"exif": _rotated_exif()}),
        ("CMYK", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGBA", "WEBP", {}),
        ("L", "BMP", {}),
        ("1", "BMP", {}),
        ("P", "GIF", {}),
        *(
            ("L", "TIFF", {"compression": compression})
            for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")
        ),
        ("1", "TIFF", {"compression": "group4"}),
        ("F", "TIFF", {}),
        ("LAB", "TIFF", {}),
    ]
    for mode, format_name, options in kinds:
        if mode == "I;16":
            image = Image.fromarray(np.asarray(gray, np.uint16) * 257)
        elif mode == "LAB":
            image = Image.merge("LAB", (gray, *(Image.new("L", gray.size, 128),) * 2))
        else:
            image = gray.convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, format_name, **options)
        images.append(buffer.getvalue())
    return images


def _rotated_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def mutated(seeds: list[bytes], rng: random.Random) -> bytes:
    """Return one of the seeds, changed in a few places."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        if not content:
            return b""
        at = rng.randrange(len(content))
        match rng.randrange(8):
            case 0:
                content[at] ^= 1 << rng.randrange(8)
            case 1:
                content[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                content[at : at + rng.randint(1, 16)] = rng.randbytes(rng.randint(0, 16))
            case 3:
                del content[at:]
            case 4:
                other = rng.choice(seeds)
                content[at:] = other[rng.randrange(len(other)) :]
            case 5:
                width = rng.choice((1, 2, 4))
                value = rng.choice(BOUNDARY_VALUES) & (2 ** (8 * width) - 1)
                content[at : at + width] = value.to_bytes(width, rng.choice(("little", "big")))
            case 6:
                piece = content[at : at + rng.randint(1, 64)]
                content[at:at] = piece * rng.randint(1, 4)
            case 7:
                # The start, because that is where most headers are.
                content[rng.randrange(min(64, len(content)))] = rng.randrange(256)
    return bytes(content)


def is_frame(reading: Reading) -> bool:
    """Return whether a reading has a frame with ink, whose pixels are in 0..1."""
    frame = reading.frame
    is_array = frame.shape == (28, 28) and frame.dtype == np.float32
    return is_array and bool(frame.min() >= 0 and 0 < frame.max() <= 1)  # and no NaN


def fuzz_decoder(count: int, seed: int, out: Path) -> int:
    """Decode mutated images in this process, and return the number of findings.

    A file holds the current input, so that it remains if the process dies.
    """
    rng, seeds = random.Random(seed), seed_images()
    limits = ImageLimits(max_bytes=2**20, max_pixels=2**20)
    outcomes: Counter[str] = Counter()
    current_input = out / f"trying-{os.getpid()}"
    process = psutil.Process()
    before_bytes = 0
    for number in range(count):
        content = mutated(seeds, rng)
        current_input.write_bytes(content)
        faulthandler.dump_traceback_later(MAX_SECONDS, exit=True)
        try:
            found = find_readings(decode(content, limits).gray, rng.choice(list(Layout)))
            readings, lines = found.readings, found.lines
            if len(readings) > MAX_READINGS:
                outcome = f"{FINDING}{len(readings)} readings"
            elif sum(len(line.columns) for line in lines) > 2 * MAX_COLUMNS:
                outcome = f"{FINDING}too wide strips"
            elif all(map(is_frame, readings)):
                outcome = "frames" if readings else "no frame"
            else:
                outcome = f"{FINDING}a reading is not a frame"
        except InvalidArgumentError:
            outcome = "rejected"
        except Exception as error:  # noqa: BLE001 - unexpected exceptions are findings
            outcome = f"{FINDING}{type(error).__name__}: {error}"[:100]
        faulthandler.cancel_dump_traceback_later()
        outcomes[outcome] += 1
        if outcome.startswith(FINDING):
            (out / f"decode-{seed}-{number}").write_bytes(content)
        if number == count // 10:
            before_bytes = process.memory_info().rss
    current_input.unlink()
    return report("decode", count, outcomes, before_bytes, process.memory_info().rss)


def message(message_type: Callable[[], object], seeds: list[bytes], rng: random.Random) -> bytes:
    """Return a message whose fields are probably wrong, or bytes that are not a message."""
    content = _random_message(message_type, seeds, rng)
    return mutated([content or b"\0"], rng) if rng.random() < 0.4 else content


def _random_image(seeds: list[bytes], rng: random.Random) -> pb.Image:
    if rng.random() < 0.5:
        return pb.Image(encoded=mutated(seeds, rng))
    sides = (0, 1, 2, 28, 100, 2**16, 2**32 - 1)
    width, height = rng.choice(sides), rng.choice(sides)
    is_right_size = width * height < 10_000 and rng.random() < 0.7
    data = rng.randbytes(width * height if is_right_size else 784)
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=data))


def _random_message(
    message_type: Callable[[], object], seeds: list[bytes], rng: random.Random
) -> bytes:
    image = _random_image(seeds, rng)
    include_frame = rng.random() < 0.3
    layout: Any = rng.choice((*pb.Layout.values(), 99))  # the last is of a later version
    if message_type is pb.RecognizeRequest:
        unary = pb.RecognizeRequest(image=image, include_frame=include_frame, layout=layout)
        return unary.SerializeToString()
    if message_type is pb.RecognizeBatchRequest:
        images = [_random_image(seeds, rng) for _ in range(rng.choice((0, 1, 3, 20, 257)))]
        batch = pb.RecognizeBatchRequest(images=images, include_frame=include_frame, layout=layout)
        return batch.SerializeToString()
    if message_type is pb.StreamingRecognizeRequest:
        sequence = rng.choice((0, 1, 5, 2**63, 2**64 - 1))
        drawing = pb.StreamingRecognizeRequest(sequence=sequence, image=image, layout=layout)
        return drawing.SerializeToString()
    if message_type is oip.ModelInferRequest:
        count = rng.choice((0, 1, 3, 2**40))
        request = oip.ModelInferRequest(
            model_name=rng.choice(("digits", "", "other", "digits\n")),
            model_version=rng.choice(("", "1", "-1")),
        )
        request.inputs.add(
            name=rng.choice(("images", "", "x")),
            datatype=rng.choice(("UINT8", "FP32", "BYTES", "")),
            shape=rng.choice(([count, 28, 28], [count, 784], [], [-1, 28, 28], [2**62] * 3)),
        )
        request.raw_input_contents.append(rng.randbytes(rng.choice((0, 784, 3136, 2352))))
        return request.SerializeToString()
    return rng.randbytes(rng.randrange(20))


async def fuzz_calls(
    address: str, process: psutil.Process, count: int, seed: int, out: Path
) -> int:
    """Call every method of a server with broken messages, and return the number of findings."""
    rng, seeds = random.Random(seed), seed_images()
    outcomes: Counter[str] = Counter()
    before_bytes = 0
    async with grpc.aio.insecure_channel(address) as channel:
        valid_request = pb.RecognizeRequest(image=pb.Image(encoded=_drawing_of_one()))

        async def recognizes_valid_image() -> bool:
            call = channel.unary_unary(
                "/digits.v1.RecognizerService/Recognize",
                request_serializer=pb.RecognizeRequest.SerializeToString,
                response_deserializer=pb.RecognizeResponse.FromString,
            )
            response = await call(valid_request, timeout=MAX_SECONDS, wait_for_ready=True)
            return bool(response.predictions[0].digit == 1)

        async def fuzz_call(number: int) -> None:
            method = rng.choice(list(METHODS))
            content = message(METHODS[method], seeds, rng)
            status = await call_status(channel, method, content)
            name = method.rpartition("/")[2]
            outcomes[f"{'' if status in PROPER else FINDING}{name} {status}"] += 1
            if status not in PROPER:
                (out / f"call-{name}-{seed}-{number}").write_bytes(content)

        for number in range(0, count, CALLS_IN_FLIGHT):
            await asyncio.gather(*(fuzz_call(number + i) for i in range(CALLS_IN_FLIGHT)))
            is_due = number % CALLS_PER_HEALTH_CHECK >= CALLS_PER_HEALTH_CHECK - CALLS_IN_FLIGHT
            if is_due and not await recognizes_valid_image():
                outcomes[f"{FINDING}a valid image is not recognized any more"] += 1
            if number // CALLS_IN_FLIGHT == count // CALLS_IN_FLIGHT // 10:
                before_bytes = process.memory_info().rss
    return report("calls", count, outcomes, before_bytes, process.memory_info().rss)


async def call_status(channel: grpc.aio.Channel, method: str, content: bytes) -> str:
    """Make a call and return its status, or what is wrong with the status."""
    try:
        if method.endswith("/StreamingRecognize"):
            stream: Any = channel.stream_stream(method)
            async for _ in stream(iter([content] * 2), timeout=MAX_SECONDS):
                pass
        else:
            call: Any = channel.unary_unary(method)
            await call(content, timeout=MAX_SECONDS)
    except grpc.aio.AioRpcError as error:
        if (error.details() or "").startswith(CLIENT_ERROR):
            return ENDED_WHILE_SENDING
        if LEAK.search(error.details() or ""):
            return f"{error.code().name} that reveals internals: {error.details()}"[:100]
        return str(error.code().name)
    return "OK"


def _drawing_of_one() -> bytes:
    pixels = np.pad(np.full((160, 14), 255, np.uint8), ((20, 20), (90, 90)))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def report(
    target: str, count: int, outcomes: Counter[str], before_bytes: int, after_bytes: int
) -> int:
    """Print the outcomes and return the number of findings."""
    memory = f"memory {before_bytes / 1e6:.0f} MB, then {after_bytes / 1e6:.0f} MB"
    print(f"{target}: {count:,} inputs; {memory}")
    for outcome, number in sorted(outcomes.items()):
        print(f"  {number:>9,}  {outcome}")
    sys.stdout.flush()
    return sum(number for outcome, number in outcomes.items() if outcome.startswith(FINDING))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--inputs", type=int, default=20_000, help="inputs per target; default: %(default)s"
    )
    parser.add_argument(
        "--target", choices=("decode", "calls", "all"), default="all", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/fuzz"),
        help="folder for the inputs of findings; default: %(default)s",
    )
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.in_this_process:
        return bool(fuzz_decoder(parsed.inputs, parsed.seed, parsed.out))
    start = time.monotonic()
    findings = 0
    if parsed.target in ("decode", "all"):
        # In a separate process, so that a crash is a finding and not the end.
        command = [sys.executable, "-W", "ignore", "-m", "scripts.fuzz", *sys.argv[1:]]
        with (parsed.out / "decoder.log").open("w") as log:  # libtiff complains about broken files
            status = subprocess.run(
                [*command, "--in-this-process"], stderr=log, check=False
            ).returncode
        if status not in (0, 1):
            print(f"{FINDING}the decoder process exited with {status}; see {parsed.out}/trying-*")
        findings += status != 0
    if parsed.target in ("calls", "all"):
        with server_process() as server:
            findings += asyncio.run(
                fuzz_calls(server.address, server.process, parsed.inputs, parsed.seed, parsed.out)
            )
    result = f"findings are in {parsed.out}" if findings else "nothing found"
    print(f"{time.monotonic() - start:.0f} s; {result}")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
