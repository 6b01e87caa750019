"""Small image files that cost decoders much, and what they cost the server.

    python -m scripts.bombs

Each bomb is sent to a server, first alone, and then all of them while another caller sends small
images. For each, the time until its response and the memory of the server and its decoding
processes above rest are printed, then the latency of the small images with and without bombs.

Exit status: 0 if each bomb was done within MAX_SECONDS and MAX_MEGABYTES, 1 otherwise.
"""

import argparse
import io
import statistics
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import grpc
import numpy as np
from PIL import Image, ImageDraw

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from scripts.server_process import PeakMemory, server_process

MAX_SECONDS: Final = 1.0
MAX_MEGABYTES: Final = 128
SIDE: Final = 4096
_MEGABYTE: Final = 10**6


def drawing(mode: str = "L", side: int = SIDE) -> Image.Image:
    """Return a square image of a 7."""
    image = Image.new("L", (side, side), 255)
    corners = [(side // 4, side // 4), (3 * side // 4, side // 4), (side // 3, 3 * side // 4)]
    ImageDraw.Draw(image).line(corners, fill=0, width=side // 12)
    if mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.linear_gradient("L").resize((side, side)))
        return image
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    return image.convert(mode)


def save(image: Image.Image, image_format: str, **options: Any) -> bytes:
    """Return an image file."""
    content = io.BytesIO()
    image.save(content, image_format, **options)
    return content.getvalue()


# JPEG


def _segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def _with_segments(segments: bytes, side: int = 28) -> bytes:
    jpeg = save(drawing(side=side), "JPEG")
    return jpeg[:2] + segments + jpeg[2:]


def repeated_scans(side: int, byte_count: int) -> bytes:
    """Return a progressive JPEG, the last scan of which is repeated for so many bytes."""
    jpeg = save(drawing(side=side), "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    scan = jpeg[last:-2]
    return jpeg[:-2] + scan * (byte_count // len(scan)) + jpeg[-2:]


def _exif(entries: bytes, count: int, following: int = 0) -> bytes:
    return b"Exif\0\0MM\0*" + struct.pack(">LH", 8, count) + entries + struct.pack(">L", following)


def _jpegs() -> Iterator[tuple[str, bytes]]:
    yield "jpeg: 128 kB of repeated scans", repeated_scans(SIDE, 128_000)
    yield "jpeg: 386 kB of repeated scans", repeated_scans(SIDE, 386_000)
    yield "jpeg: scans just below the limit", repeated_scans(SIDE, 300)
    yield "jpeg: scans of a small image", repeated_scans(256, 2 * _MEGABYTE)
    yield "jpeg: 60 scans of 4 megapixels", repeated_scans(2048, 1500)
    yield (
        "jpeg: 65,500 x 65,500",
        _with_segments(b"").replace(
            struct.pack(">HH", 28, 28), struct.pack(">HH", 65_500, 65_500), 1
        ),
    )
    yield "jpeg: 16 megapixels, CMYK", save(drawing("CMYK"), "JPEG")
    yield (
        "jpeg: 16 megapixels, progressive, rotated",
        save(drawing("RGB"), "JPEG", progressive=True, exif=_orientation(6)),
    )
    yield "jpeg: 100,000 comments", _with_segments(_segment(0xFE, b"x" * 10) * 100_000)
    yield "jpeg: 100,000 empty APP1", _with_segments(_segment(0xE1, b"Exif\0\0") * 100_000)
    yield (
        "jpeg: 30,000 tables",
        _with_segments(_segment(0xDB, b"\0" + bytes(range(1, 65))) * 30_000),
    )
    yield (
        "jpeg: profile in 60 parts of 64 kB",
        _with_segments(
            b"".join(
                _segment(0xE2, b"ICC_PROFILE\0" + bytes((part + 1, 60)) + bytes(65_000))
                for part in range(60)
            )
        ),
    )
    directory = struct.pack(">HHLL", 0x8769, 4, 1, 8)
    yield (
        "jpeg: EXIF directory that contains itself",
        _with_segments(_segment(0xE1, _exif(directory, 1, 8))),
    )
    entry = struct.pack(">HHLL", 0x0112, 3, 2**30, 8)
    yield (
        "jpeg: EXIF of 5,000 huge entries",
        _with_segments(_segment(0xE1, _exif(entry * 5000, 5000))),
    )


def _orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


# TIFF


def tiff(tags: dict[int, tuple[int, int, int]], rest: bytes = b"", following: int = 0) -> bytes:
    """Return a little-endian TIFF of one directory: the type, count and value of each tag."""
    entries = b"".join(struct.pack("<HHLL", tag, *values) for tag, values in sorted(tags.items()))
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<L", following)
    return b"II*\0" + struct.pack("<L", 8) + directory + rest


def _tiff_of_strips(count: int, *, tiles: bool = False) -> bytes:
    offset = 8 + 2 + 12 * 11 + 4
    tags = {
        256: (4, 1, 4 if not tiles else 16 * count),
        257: (4, 1, count if not tiles else 16),
        258: (3, 1, 8),
        259: (3, 1, 1),
        262: (3, 1, 1),
        277: (3, 1, 1),
        282: (4, 1, 1),
    }
    places, sizes = (324, 325) if tiles else (273, 279)
    tags |= {322: (4, 1, 16), 323: (4, 1, 16)} if tiles else {278: (4, 1, 1), 283: (4, 1, 1)}
    tags |= {places: (4, count, offset), sizes: (4, count, offset)}
    return tiff(tags, struct.pack("<L", offset) * count)


def _chain_of_pages(count: int) -> bytes:
    page = save(drawing(side=28), "TIFF")
    start = len(page) + len(page) % 2
    empty = struct.pack("<HHHLL", 1, 256, 4, 1, 28)
    links = b"".join(
        empty + struct.pack("<L", start + (number + 1) * (len(empty) + 4))
        for number in range(count)
    )
    (first,) = struct.unpack_from("<L", page, 4)
    (tag_count,) = struct.unpack_from("<H", page, first)
    end = first + 2 + 12 * tag_count
    page = page[:end] + struct.pack("<L", start) + page[end + 4 :]
    return page.ljust(start, b"\0") + links


def _tiffs() -> Iterator[tuple[str, bytes]]:
    yield "tiff: 900,000 strips", _tiff_of_strips(900_000)
    yield "tiff: 65,000 strips", _tiff_of_strips(65_000)
    yield "tiff: 900,000 tiles", _tiff_of_strips(900_000, tiles=True)
    yield "tiff: 60,000 tiles", _tiff_of_strips(60_000, tiles=True)
    yield "tiff: 100,000 pages", _chain_of_pages(100_000)
    yield "tiff: page that follows itself", tiff({256: (4, 1, 28), 257: (4, 1, 28)}, following=8)
    yield (
        "tiff: 65,535 tags",
        b"II*\0"
        + struct.pack("<LH", 8, 65_535)
        + struct.pack("<HHLL", 256, 4, 1, 28) * 65_535
        + bytes(4),
    )
    yield (
        "tiff: a tag of a million values",
        tiff({256: (4, 1, 28), 257: (4, 1, 28), 320: (3, 10**6, 8)}, bytes(2 * 10**6)),
    )
    yield (
        "tiff: EXIF directory that contains itself",
        tiff({256: (4, 1, 28), 257: (4, 1, 28), 34_665: (4, 1, 8)}),
    )
    yield (
        "tiff: 65,535 samples per pixel",
        tiff(
            {256: (4, 1, 28), 257: (4, 1, 28), 258: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 65_535)}
        ),
    )
    yield "bigtiff: 2^60 tags", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(1000)
    for mode in ("RGB", "RGBA", "I;16", "F", "CMYK"):
        yield (
            f"tiff: 16 megapixels, {mode}",
            save(drawing(mode), "TIFF", compression="tiff_adobe_deflate"),
        )


# PNG


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _png(header: bytes, *chunks: bytes) -> bytes:
    parts = [_chunk(b"IHDR", header), *chunks, _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _zeros(byte_count: int) -> bytes:
    """Return compressed zeros, without having them all in memory."""
    compressor = zlib.compressobj(9)
    parts = [compressor.compress(bytes(2**20)) for _ in range(byte_count // 2**20)]
    return b"".join((*parts, compressor.compress(bytes(byte_count % 2**20)), compressor.flush()))


def _pngs() -> Iterator[tuple[str, bytes]]:
    small = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    pixels = _chunk(b"IDAT", zlib.compress(bytes(29 * 28)))
    yield "png: 400,000 chunks", _png(small, _chunk(b"teXt", b"") * 400_000, pixels)
    yield "png: 400,000 empty IDAT", _png(small, pixels, _chunk(b"IDAT", b"") * 400_000)
    yield "png: 16,000 chunks", _png(small, _chunk(b"teXt", b"") * 16_000, pixels)
    yield "png: text of 1 GB", _png(small, _chunk(b"zTXt", b"a\0\0" + _zeros(10**9)), pixels)
    yield (
        "png: 60 texts of 1 MB",
        _png(small, _chunk(b"zTXt", b"a\0\0" + _zeros(10**6 - 1)) * 60, pixels),
    )
    yield "png: profile of 1 GB", _png(small, _chunk(b"iCCP", b"a\0\0" + _zeros(10**9)), pixels)
    yield "png: 1 GB behind its 28 rows", _png(small, _chunk(b"IDAT", _zeros(10**9)))
    yield "png: 2^31 x 2^31", _png(struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0))
    yield (
        "png: one row of 16 million",
        _png(
            struct.pack(">IIBBBBB", 2**24, 1, 8, 2, 0, 0, 0), _chunk(b"IDAT", _zeros(3 * 2**24 + 1))
        ),
    )
    for name, depth, color, interlace, bytes_per_pixel in (
        ("RGBA", 8, 6, 0, 4),
        ("RGBA, interlaced", 8, 6, 1, 4),
        ("RGBA of 16 bits, interlaced", 16, 6, 1, 8),
        ("gray of 16 bits", 16, 0, 0, 2),
        ("gray and alpha", 8, 4, 0, 2),
    ):
        header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, color, 0, 0, interlace)
        data = _zeros(SIDE * (SIDE * bytes_per_pixel + 1) + 8 * SIDE)
        yield f"png: 16 megapixels, {name}", _png(header, _chunk(b"IDAT", data))
    frames = _chunk(b"acTL", struct.pack(">II", 8000, 0)) + _chunk(
        b"fcTL", struct.pack(">IIIIIHHBB", 0, 28, 28, 0, 0, 1, 1, 0, 0)
    )
    yield "png: 16,000 animation chunks", _png(small, frames, pixels, frames[20:] * 8000)


# GIF, WebP and BMP


def _gifs() -> Iterator[tuple[str, bytes]]:
    gif = save(drawing("P", 28), "GIF")
    start = gif.index(b",", 13)
    comment = b"!\xfe" + (b"\xff" + b"x" * 255) + b"\0"
    yield "gif: 20,000 comments", gif[:start] + comment * 20_000 + gif[start:]
    yield (
        "gif: a comment of 5 MB",
        b"".join((gif[:start], b"!\xfe", (b"\xff" + b"x" * 255) * 20_000, b"\0", gif[start:])),
    )
    yield "gif: a million extensions", gif[:start] + b"!\xf9\0" * 10**6 + gif[start:]
    yield "gif: 100,000 frames", gif[:-1] + gif[start:-1] * (3 * _MEGABYTE // len(gif)) + b";"
    yield "gif: 16 megapixels, interlaced", save(drawing("P"), "GIF", interlace=1)
    yield "gif: 65,535 x 65,535", gif[:6] + b"\xff\xff\xff\xff" + gif[10:]


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "webp: 16 megapixels", save(drawing("RGB"), "WEBP", method=0)
    yield (
        "webp: 16 megapixels, lossless and transparent",
        save(drawing("RGBA"), "WEBP", lossless=True, method=0),
    )
    frames = [Image.new("RGB", (28, 28), (number % 256, 0, 0)) for number in range(2000)]
    animated = save(frames[0], "WEBP", save_all=True, append_images=frames[1:], method=0)
    yield "webp: 2,000 frames", animated
    still = save(drawing("RGB", 28), "WEBP")
    chunks = b"abcd\0\0\0\0" * 600_000
    size = struct.pack("<I", len(still) - 8 + len(chunks))
    yield "webp: 600,000 chunks", still[:4] + size + still[8:] + chunks


def _bmps() -> Iterator[tuple[str, bytes]]:
    for compression in (1, 2):
        header = struct.pack(
            "<LllHHLLllLL", 40, SIDE, SIDE, 1, 8 // compression, compression, *[0] * 5
        )
        palette = bytes(4 * (256 if compression == 1 else 16))
        run = bytes((255, 0)) * (SIDE * SIDE // 255 + 1)
        offset = 14 + len(header) + len(palette)
        content = struct.pack("<2sLHHL", b"BM", offset + len(run), 0, 0, offset)
        yield f"bmp: 16 megapixels, run-length {8 // compression}", content + header + palette + run
    header = struct.pack("<LllHHLLllLL", 40, 28, 28, 1, 8, 1, *[0] * 5)
    deltas = bytes((0, 2, 0, 0)) * 10**6
    yield (
        "bmp: a million empty moves",
        (struct.pack("<2sLHHL", b"BM", 0, 0, 0, 54 + 1024) + header + bytes(1024) + deltas),
    )


KINDS: Final[tuple[Callable[[], Iterator[tuple[str, bytes]]], ...]] = (
    *(_jpegs, _tiffs, _pngs, _gifs, _webps, _bmps),
)


def bombs() -> dict[str, bytes]:
    """Return the content of each bomb, by its name."""
    return {name: content for kind in KINDS for name, content in kind()}


class Cost(NamedTuple):
    """What a bomb cost."""

    seconds: float
    megabytes: float
    """Peak memory of the server and its decoding processes, above rest."""
    outcome: str


def cost_of(stub: Any, memory: PeakMemory, content: bytes) -> Cost:
    """Send a bomb, and return its cost."""
    rest = memory.peak_megabytes = memory.now_megabytes()
    start = time.perf_counter()
    try:
        response = stub.Recognize(pb.RecognizeRequest(image=pb.Image(encoded=content)), timeout=60)
        outcome = pb.Verdict.Name(response.predictions[0].verdict).removeprefix("VERDICT_").lower()
    except grpc.RpcError as error:
        outcome = f"{error.code().name}: {error.details()}"
    seconds = time.perf_counter() - start
    return Cost(seconds, memory.peak_megabytes - rest, outcome)


class SmallImages:
    """A caller that sends a small image every few milliseconds, and times it."""

    def __init__(self, address: str, token: str = "") -> None:
        self.latencies_ms: list[float] = []
        self.failures: list[str] = []
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._call, args=(address, token))
        self._thread.start()

    def _call(self, address: str, token: str) -> None:
        metadata = (("authorization", f"Bearer {token}"),)
        request = pb.RecognizeRequest(image=pb.Image(encoded=save(drawing(side=28), "PNG")))
        with grpc.insecure_channel(address) as channel:
            stub = pb_grpc.RecognizerServiceStub(channel)
            while not self._is_stopped.wait(0.005):
                start = time.perf_counter()
                try:
                    stub.Recognize(request, metadata=metadata, timeout=10)
                except grpc.RpcError as error:
                    self.failures.append(error.code().name)
                self.latencies_ms.append((time.perf_counter() - start) * 1000)

    def p99_ms(self) -> float:
        """Stop, and return the 99th percentile."""
        self._is_stopped.set()
        self._thread.join()
        return statistics.quantiles(self.latencies_ms, n=100)[98]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.bombs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.parse_args()
    contents = bombs()
    worst = Cost(0, 0, "")
    with (
        server_process() as server,
        grpc.insecure_channel(server.address, [("grpc.max_send_message_length", -1)]) as channel,
    ):
        stub, memory = pb_grpc.RecognizerServiceStub(channel), PeakMemory(server.process)
        photo = save(drawing(side=28), "JPEG")
        cost_of(stub, memory, photo)
        alone = SmallImages(server.address)
        time.sleep(10)
        alone_ms = alone.p99_ms()
        for name, content in contents.items():
            cost_of(stub, memory, photo)  # a decoding process that the last bomb ended has started
            cost = cost_of(stub, memory, content)
            print(
                f"{name:46} {len(content) / 1000:8,.1f} kB {cost.seconds * 1000:6,.0f} ms "
                f"{cost.megabytes:+5.0f} MB  {cost.outcome}",
                flush=True,
            )
            worst = Cost(max(worst.seconds, cost.seconds), max(worst.megabytes, cost.megabytes), "")
        during = SmallImages(server.address)
        for content in contents.values():
            cost_of(stub, memory, content)
        during_ms = during.p99_ms()
        memory.stop()
    print(f"{len(contents)} bombs: at most {worst.seconds:.2f} s and {worst.megabytes:.0f} MB")
    print(
        f"small images: p99 {alone_ms:.1f} ms alone, {during_ms:.1f} ms next to bombs, "
        f"{len(during.failures)} of {len(during.latencies_ms)} failed"
    )
    is_bounded = worst.seconds <= MAX_SECONDS and worst.megabytes <= MAX_MEGABYTES
    return int(not is_bounded or bool(during.failures))


if __name__ == "__main__":
    sys.exit(main())
