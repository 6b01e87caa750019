"""Throw broken images and broken messages at the server, and look that it bears them.

    python scripts/fuzz.py --inputs 100000 --target all --seed 1

    decode   mutated images through the decoder and the frame function, in a process of its own
    calls    mutated messages to every method of a real server

A finding is an exception that is not InvalidArgumentError, a frame that is not one, an input
that takes more than 5 s, a process that dies, a status that no caller should see, a server
that does not answer a good image afterwards. What was being tried is kept in --out. Memory
is shown before (after a tenth of the inputs) and at the end.

Exit status: 0 nothing found, 1 findings.
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
import threading
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

LONGEST_SECONDS = 5.0
CALLS_AT_ONCE = 16
METHODS = {
    "/digits.v1.RecognizerService/Recognize": pb.RecognizeRequest,
    "/digits.v1.RecognizerService/RecognizeBatch": pb.RecognizeBatchRequest,
    "/digits.v1.RecognizerService/StreamingRecognize": pb.StreamingRecognizeRequest,
    "/digits.v1.RecognizerService/GetModel": pb.GetModelRequest,
    "/inference.GRPCInferenceService/ModelInfer": oip.ModelInferRequest,
    "/inference.GRPCInferenceService/ModelMetadata": oip.ModelMetadataRequest,
    "/grpc.health.v1.Health/Check": pb.GetModelRequest,
}
# What gRPC's asyncio client says where a stream ends while it is sending: it came from
# no server, and hides what the server said (grpc/grpc issue 36066).
OF_THE_CALLER = "Internal error from Core"
ENDED_WHILE_SENDING = "ended while sending"
PROPER = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED"),
    ENDED_WHILE_SENDING,
}
# A path or the name of an exception would tell a stranger of the inside.
LEAK = re.compile(r"Traceback|/[a-z]+/[a-z_]+\.py|\b[A-Z][A-Za-z]+(Error|Exception)\b")
INTERESTING = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def seed_images() -> list[bytes]:
    """Return images in every format and many modes."""
    gray = Image.fromarray(np.pad(np.full((16, 4), 255, np.uint8), 12))
    made = []
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        *((mode, "PNG", {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        ("L", "JPEG", {}),
        ("RGB", "JPEG", {"exif": _orientation()}),
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
        out = io.BytesIO()
        image.save(out, format_name, **options)
        made.append(out.getvalue())
    return made


def _orientation() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def mutated(seeds: list[bytes], chance: random.Random) -> bytes:
    """Return one of the seeds, changed in a few places."""
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        if not content:
            return b""
        at = chance.randrange(len(content))
        match chance.randrange(8):
            case 0:
                content[at] ^= 1 << chance.randrange(8)
            case 1:
                content[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                content[at : at + chance.randint(1, 16)] = chance.randbytes(chance.randint(0, 16))
            case 3:
                del content[at:]
            case 4:
                other = chance.choice(seeds)
                content[at:] = other[chance.randrange(len(other)) :]
            case 5:
                width = chance.choice((1, 2, 4))
                value = chance.choice(INTERESTING) & (2 ** (8 * width) - 1)
                content[at : at + width] = value.to_bytes(width, chance.choice(("little", "big")))
            case 6:
                piece = content[at : at + chance.randint(1, 64)]
                content[at:at] = piece * chance.randint(1, 4)
            case 7:
                # Most headers are at the beginning.
                content[chance.randrange(min(64, len(content)))] = chance.randrange(256)
    return bytes(content)


def fuzz_decoder(count: int, seed: int, out: Path) -> int:
    """Try images in this process; the input that is being tried stands in a file."""
    from digits_server.errors import InvalidArgumentError
    from digits_server.preprocessing.decode import ImageLimits, decode
    from digits_server.preprocessing.normalize import normalize

    chance, seeds = random.Random(seed), seed_images()
    limits = ImageLimits(max_bytes=2**20, max_pixels=2**20)
    outcomes: Counter[str] = Counter()
    trying = out / f"trying-{os.getpid()}"
    process = psutil.Process()
    before = 0
    for number in range(count):
        content = mutated(seeds, chance)
        trying.write_bytes(content)
        faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
        try:
            frame = normalize(decode(content, limits))
            good = (
                frame.shape == (28, 28)
                and frame.dtype == np.float32
                and bool(((frame >= 0) & (frame <= 1)).all())
            )
            outcomes["frame" if good else "FINDING no frame"] += 1
        except InvalidArgumentError:
            good = True
            outcomes["refused"] += 1
        except Exception as error:  # noqa: BLE001 - which is what is looked for
            good = False
            outcomes[f"FINDING {type(error).__name__}: {error}"[:100]] += 1
        faulthandler.cancel_dump_traceback_later()
        if not good:
            (out / f"decode-{seed}-{number}").write_bytes(content)
        if number == count // 10:
            before = process.memory_info().rss
    trying.unlink()
    after = process.memory_info().rss
    show("decode", count, outcomes, before, after)
    return sum(how_many for what, how_many in outcomes.items() if what.startswith("FINDING"))


def message(kind: Callable[[], object], seeds: list[bytes], chance: random.Random) -> bytes:
    """Return a message whose fields are likely to be wrong, or bytes that are none."""
    made = _filled(kind, seeds, chance)
    return mutated([made or b"\0"], chance) if chance.random() < 0.4 else made


def _image(seeds: list[bytes], chance: random.Random) -> pb.Image:
    if chance.random() < 0.5:
        return pb.Image(encoded=mutated(seeds, chance))
    side = (0, 1, 2, 28, 100, 2**16, 2**32 - 1)
    width, height = chance.choice(side), chance.choice(side)
    fits = width * height if width * height < 10_000 and chance.random() < 0.7 else 784
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=chance.randbytes(fits)))


def _filled(kind: Callable[[], object], seeds: list[bytes], chance: random.Random) -> bytes:
    image = _image(seeds, chance)
    frame = chance.random() < 0.3
    if kind is pb.RecognizeRequest:
        return pb.RecognizeRequest(image=image, include_frame=frame).SerializeToString()
    if kind is pb.RecognizeBatchRequest:
        images = [_image(seeds, chance) for _ in range(chance.choice((0, 1, 3, 20, 257)))]
        return pb.RecognizeBatchRequest(images=images, include_frame=frame).SerializeToString()
    if kind is pb.StreamingRecognizeRequest:
        return pb.StreamingRecognizeRequest(
            sequence=chance.choice((0, 1, 5, 2**63, 2**64 - 1)), image=image
        ).SerializeToString()
    if kind is oip.ModelInferRequest:
        count = chance.choice((0, 1, 3, 2**40))
        request = oip.ModelInferRequest(
            model_name=chance.choice(("digits", "", "other", "digits\n")),
            model_version=chance.choice(("", "1", "-1")),
        )
        request.inputs.add(
            name=chance.choice(("images", "", "x")),
            datatype=chance.choice(("UINT8", "FP32", "BYTES", "")),
            shape=chance.choice(([count, 28, 28], [count, 784], [], [-1, 28, 28], [2**62] * 3)),
        )
        request.raw_input_contents.append(chance.randbytes(chance.choice((0, 784, 3136, 2352))))
        return request.SerializeToString()
    return chance.randbytes(chance.randrange(20))


def fuzz_calls(count: int, seed: int, out: Path) -> int:
    """Call every method of a real server with broken messages."""
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            address = next(line.split()[-1] for line in server.stderr if " ready on " in line)
            # What else it logs must not fill the pipe, which would stop it.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return asyncio.run(_fuzz_server(address, server.pid, count, seed, out))
        finally:
            server.terminate()


async def _fuzz_server(address: str, pid: int, count: int, seed: int, out: Path) -> int:
    chance, seeds = random.Random(seed), seed_images()
    outcomes: Counter[str] = Counter()
    process = psutil.Process(pid)
    before = 0
    async with grpc.aio.insecure_channel(address) as channel:
        good_image = pb.RecognizeRequest(image=pb.Image(encoded=_plain_one()))

        async def answers_well() -> bool:
            call = channel.unary_unary(
                "/digits.v1.RecognizerService/Recognize",
                request_serializer=pb.RecognizeRequest.SerializeToString,
                response_deserializer=pb.RecognizeResponse.FromString,
            )
            response = await call(good_image, timeout=LONGEST_SECONDS, wait_for_ready=True)
            return bool(response.predictions[0].digit == 1)

        async def try_one(number: int) -> None:
            method = chance.choice(list(METHODS))
            content = message(METHODS[method], seeds, chance)
            outcome = await called(channel, method, content)
            name = method.rpartition("/")[2]
            outcomes[f"{'' if outcome in PROPER else 'FINDING '}{name} {outcome}"] += 1
            if outcome not in PROPER:
                (out / f"call-{name}-{seed}-{number}").write_bytes(content)

        for number in range(0, count, CALLS_AT_ONCE):
            await asyncio.gather(*(try_one(number + i) for i in range(CALLS_AT_ONCE)))
            if number // 1000 != (number + CALLS_AT_ONCE) // 1000 and not await answers_well():
                outcomes["FINDING a good image is not answered any more"] += 1
            if number // CALLS_AT_ONCE == count // CALLS_AT_ONCE // 10:
                before = process.memory_info().rss
    after = process.memory_info().rss
    show("calls", count, outcomes, before, after)
    return sum(how_many for what, how_many in outcomes.items() if what.startswith("FINDING"))


async def called(channel: grpc.aio.Channel, method: str, content: bytes) -> str:
    """Return the status of a call, or what is wrong with it."""
    try:
        if method.endswith("/StreamingRecognize"):
            stream: Any = channel.stream_stream(method)
            async for _ in stream(iter([content] * 2), timeout=LONGEST_SECONDS):
                pass
        else:
            call: Any = channel.unary_unary(method)
            await call(content, timeout=LONGEST_SECONDS)
    except grpc.aio.AioRpcError as error:
        if (error.details() or "").startswith(OF_THE_CALLER):
            return ENDED_WHILE_SENDING
        if LEAK.search(error.details() or ""):
            return f"{error.code().name} that tells of the inside: {error.details()}"[:100]
        return str(error.code().name)
    return "OK"


def _plain_one() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.pad(np.full((160, 14), 255, np.uint8), ((20, 20), (90, 90)))).save(
        out, "PNG"
    )
    return out.getvalue()


def show(target: str, count: int, outcomes: Counter[str], before: int, after: int) -> None:
    """Print what came of it."""
    print(f"{target}: {count:,} inputs; memory {before / 1e6:.0f} MB, then {after / 1e6:.0f} MB")
    for what, how_many in sorted(outcomes.items()):
        print(f"  {how_many:>9,}  {what}")
    sys.stdout.flush()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000, help="of each target")
    parser.add_argument("--target", choices=("decode", "calls", "all"), default="all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    parsed = parser.parse_args()
    parsed.out.mkdir(parents=True, exist_ok=True)
    if parsed.in_this_process:
        return bool(fuzz_decoder(parsed.inputs, parsed.seed, parsed.out))
    began = time.monotonic()
    found = 0
    if parsed.target in ("decode", "all"):
        # In a process of its own, so that a crash is a finding and not the end.
        log = (parsed.out / "decoder.log").open("w")  # libtiff complains of each broken file
        arguments = [*sys.argv, "--target", "decode", "--in-this-process"]
        status = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments], stderr=log, check=False
        ).returncode
        if status not in (0, 1):
            print(f"FINDING the decoder's process ended with {status}; see {parsed.out}/trying-*")
        found += status != 0
    if parsed.target in ("calls", "all"):
        found += fuzz_calls(parsed.inputs, parsed.seed, parsed.out)
    result = f"findings are in {parsed.out}" if found else "nothing found"
    print(f"{time.monotonic() - began:.0f} s; {result}")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
