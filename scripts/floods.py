"""Floods of messages, and the memory that the server and its decoding processes take meanwhile.

    python -m scripts.floods [--seconds 5]

Each flood goes to a new server with the default settings: CALLS calls at once, each with a message
as large as the server accepts, repeated until the time is over. Meanwhile a caller sends small
images; each must get its response.

Exit status: 0 if memory stays below MAX_MEGABYTES and no small image fails, 1 otherwise.
"""

import argparse
import itertools
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from grpc_health.v1 import health_pb2
from PIL import Image

from digits.inference.v2 import inference_pb2 as oip
from digits.v1 import recognizer_pb2 as pb
from scripts.bombs import SmallImages, drawing, save
from scripts.server_process import PeakMemory, server_process

CALLS: Final = 40
MAX_MEGABYTES: Final = 550
MESSAGE_BYTES: Final = 21 * 2**18 - 2**12
CALL_SECONDS: Final = 10.0
_SERVICE: Final = "digits.v1.RecognizerService"


class Flood(NamedTuple):
    """A kind of call, and its message."""

    name: str
    method: str
    content: bytes
    is_stream: bool = False
    has_token: bool = True


def _images(image: pb.Image) -> bytes:
    """Return a batch of as many copies of an image as a message and a batch hold."""
    count = min(256, MESSAGE_BYTES // (image.ByteSize() + 8))
    return pb.RecognizeBatchRequest(images=[image] * count).SerializeToString()


def floods() -> Iterator[Flood]:
    """Yield each kind of flood."""
    single, batch = f"/{_SERVICE}/Recognize", f"/{_SERVICE}/RecognizeBatch"
    stream = f"/{_SERVICE}/StreamingRecognize"
    junk = b"\xff" * MESSAGE_BYTES
    side = 2048
    raw = pb.Image(raw=pb.RawImage(width=side, height=side, data=bytes(side * side)))
    photo = pb.Image(encoded=save(drawing("RGB"), "JPEG"))
    png = pb.Image(encoded=save(Image.new("RGB", (4096, 4096), "white"), "PNG"))
    unknown = pb.Image(encoded=secrets.token_bytes(5 * 2**20))
    yield Flood("no token", single, junk, has_token=False)
    yield Flood("not a message", single, junk)
    yield Flood("large bytes that are no image", single, _request(unknown))
    yield Flood("raw image of 4 megapixels", single, _request(raw))
    yield Flood("batch of raw images of 4 megapixels", batch, _images(raw))
    yield Flood("batch of photos of 16 megapixels", batch, _images(photo))
    yield Flood("batch of PNG of 16 megapixels", batch, _images(png))
    tensor = oip.ModelInferRequest(model_name="digits", raw_input_contents=[junk[:-200]])
    yield Flood("tensor", "/inference.GRPCInferenceService/ModelInfer", tensor.SerializeToString())
    yield Flood("stream", stream, junk, is_stream=True)
    check = health_pb2.HealthCheckRequest(service="x" * (MESSAGE_BYTES - 100))
    yield Flood("health check", "/grpc.health.v1.Health/Check", check.SerializeToString())


def _request(image: pb.Image) -> bytes:
    return pb.RecognizeRequest(image=image).SerializeToString()


def send(address: str, flood: Flood, token: str, until: float) -> Counter[str]:
    """Send a flood from CALLS callers, each on its connection; return its outcomes."""
    outcomes: Counter[str] = Counter()

    def call_repeatedly() -> None:
        options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        metadata = (("authorization", f"Bearer {token}"),) if flood.has_token else ()
        with grpc.insecure_channel(address, options) as channel:
            unary: Any = channel.unary_unary(flood.method)
            stream: Any = channel.stream_stream(flood.method)
            while time.monotonic() < until:
                try:
                    if flood.is_stream:
                        messages = itertools.repeat(flood.content, 3)
                        list(stream(messages, metadata=metadata, timeout=CALL_SECONDS))
                    else:
                        unary(flood.content, metadata=metadata, timeout=CALL_SECONDS)
                    outcomes["OK"] += 1
                except grpc.RpcError as error:
                    outcomes[error.code().name] += 1

    threads = [threading.Thread(target=call_repeatedly) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.floods", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each; default: %(default)s")
    parsed = parser.parse_args()
    is_bounded = True
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text(token)
        for flood in floods():
            with server_process("--tokens-file", str(tokens)) as server:
                memory = PeakMemory(server.process)
                time.sleep(1)
                rest = memory.now_megabytes()
                small = SmallImages(server.address, token)
                outcomes = send(server.address, flood, token, time.monotonic() + parsed.seconds)
                p99_ms = small.p99_ms()
                after = memory.now_megabytes()
                memory.stop()
            print(
                f"{flood.name:36} {rest:4.0f} MB, peak {memory.peak_megabytes:4.0f}, "
                f"then {after:4.0f}; small images: p99 {p99_ms:5.0f} ms, "
                f"{len(small.failures)} of {len(small.latencies_ms)} failed; {dict(outcomes)}",
                flush=True,
            )
            is_bounded &= memory.peak_megabytes <= MAX_MEGABYTES and not small.failures
    return int(not is_bounded)


if __name__ == "__main__":
    sys.exit(main())
