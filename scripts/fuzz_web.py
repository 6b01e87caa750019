"""Send broken HTTP requests and WebSocket messages to digits-web, and check its responses.

    python -m scripts.fuzz_web [--inputs 10000] [--seed 1]

Valid requests of every kind are mutated: their paths, queries, headers and bodies, and all of their
bytes. Findings are: a status that no caller should get, an error without a problem, a text that
reveals internals, a valid request that fails, a process that dies, and a gateway that does not
recognize a valid image afterwards. --out keeps the requests of findings. Memory is shown after a
tenth of the requests and at the end.

Exit status: 0 without findings, 1 with findings.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import websockets

from scripts.fuzz import FINDING, LEAK, MAX_SECONDS, mutated, report, seed_images
from scripts.server_process import server_process
from scripts.web_process import WebProcess, web_process

REQUESTS_IN_FLIGHT = 16
REQUESTS_PER_HEALTH_CHECK = 1000
# Bytes that were cut off or added make the server wait for more, or for the next request.
INCOMPLETE_SECONDS = 0.5
PROPER = {200, 201, 204, 304, 400, 403, 404, 405, 411, 413, 414, 415, 422, 431}
BOUNDARY = b"fuzz-boundary"
JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**31,
    2**63,
    2**64,
    1e999,
    -0.5,
    "",
    "images",
    "\ud800",
    [],
    {},
)
PATHS = (
    *("/v1/recognize", "/v1/recognize:batch", "/v1/model", "/v1/settings", "/v1/corrections"),
    *("/v2", "/v2/health/ready", "/v2/models/digits", "/v2/models/digits/infer", "/v2/models/%00"),
    *("/v2/models/digits/versions/1/infer", "/static/../cli.py", "/static/%2e%2e/cli.py", "/docs"),
    *(
        "/openapi.json",
        "/metrics",
        "/healthz",
        "//",
        "/%ff%fe",
        "/v1/corrections/20260101",
        "/x" * 99,
    ),
)
QUERIES = (
    *("", "?layout=number", "?layout=page&frame=true", "?layout=", "?layout=%ff", "?frame=maybe"),
    *("?" + "a=b&" * 200, "?layout=digit&layout=number", "?%00", "?frame"),
)
HEADERS = (
    *(("X-Request-ID", "a\tb"), ("X-Request-ID", "ok-1"), ("Content-Encoding", "gzip")),
    *(("Content-Type", "multipart/form-data"), ("Content-Type", "multipart/form-data; boundary=")),
    *(("Content-Type", "\xff"), ("Content-Length", "-1"), ("Content-Length", "1e3")),
    *(
        ("Content-Length", "99999999999"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
    ),
    *(("Inference-Header-Content-Length", "-1"), ("Inference-Header-Content-Length", "3")),
    *(
        ("Authorization", "Bearer"),
        ("Authorization", "x"),
        ("If-None-Match", "*"),
        ("Range", "bytes=9-1"),
    ),
    *(
        ("Accept-Encoding", "gzip;q=x"),
        ("Upgrade", "websocket"),
        ("Connection", "upgrade"),
        ("Host", ""),
    ),
)


class Request(NamedTuple):
    """A request that is sent as it is."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encoded(self) -> bytes:
        """Return its bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        headers = [("Host", "fuzz"), ("Connection", "close"), *self.headers]
        if all(name != "Transfer-Encoding" for name, _ in headers):
            headers.append(("Content-Length", str(len(self.body))))
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


class Response(NamedTuple):
    """A response, or what came of it."""

    status: int
    """0 without a response."""
    headers: dict[str, str]
    body: bytes


def form(files: list[bytes]) -> bytes:
    """Return a form with files."""
    part = b"--%s\r\nContent-Disposition: form-data; name=f; filename=x.png\r\n\r\n%s\r\n"
    return b"".join(part % (BOUNDARY, file) for file in files) + b"--%s--\r\n" % BOUNDARY


def tensor(data: Any, *, is_binary: bool = False) -> Any:
    """Return the JSON of an inference request."""
    values = {"parameters": {"binary_data_size": 784}} if is_binary else {"data": data}
    fields = {"name": "images", "datatype": "UINT8", "shape": [1, 28, 28], **values}
    return {"id": "7", "inputs": [fields], "outputs": [{"name": "digit"}]}


def valid_requests(images: list[bytes]) -> list[tuple[Request, int]]:
    """Return a request of every kind, each with its status."""
    image = images[1]
    multipart = (("Content-Type", f"multipart/form-data; boundary={BOUNDARY.decode()}"),)
    as_json = (("Content-Type", "application/json"),)
    binary = json.dumps(tensor(None, is_binary=True)).encode()
    correction = {
        "image": base64.b64encode(image).decode(),
        "label": "4",
        "boxes": [],
        "strokes": [{"points": [[1, 2, 0.5], [9, 20, 1]], "width": 8, "erases": False}],
        "prediction": {"sequence": "1", "predictions": [{"verdict": "VERDICT_DIGIT", "digit": 3}]},
    }
    header = (("Inference-Header-Content-Length", str(len(binary))),)
    return [
        *((Request("POST", "/v1/recognize?layout=number", (), each), 200) for each in images[:12]),
        (Request("POST", "/v1/recognize", multipart, form([image])), 200),
        (Request("POST", "/v1/recognize:batch?frame=1", multipart, form(images[:5])), 200),
        (Request("POST", "/v1/corrections", as_json, json.dumps(correction).encode()), 201),
        (
            Request(
                "POST",
                "/v2/models/digits/infer",
                as_json,
                json.dumps(tensor([[0] * 28] * 28)).encode(),
            ),
            200,
        ),
        (Request("POST", "/v2/models/digits/infer", header, binary + bytes(784)), 200),
        (Request("GET", "/v1/model", (), b""), 200),
        (Request("GET", "/", (("Accept-Encoding", "gzip"),), b""), 200),
        (Request("GET", "/docs", (), b""), 200),
    ]


def with_broken_json(value: Any, chance: random.Random) -> Any:
    """Return JSON in which one value is another one, or missing."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(list(value))
        rest = {name: each for name, each in value.items() if name != key}
        if chance.random() < 0.15:
            return rest
        return rest | {key: with_broken_json(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        index = chance.randrange(len(value))
        return [*value[:index], with_broken_json(value[index], chance), *value[index + 1 :]]
    return chance.choice(JSON_VALUES)


def broken(request: Request, seeds: list[bytes], chance: random.Random) -> tuple[bytes, bool]:
    """Return the bytes of a request that is probably wrong, and whether it is complete."""
    headers, path, method, body = request.headers, request.path, request.method, request.body
    kind = chance.randrange(6)
    if kind == 0:
        return mutated([request.encoded()], chance), False
    if kind == 1:
        path = chance.choice(PATHS) + chance.choice(QUERIES)
        method = chance.choice(("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "FUZZ"))
    if kind == 2:
        added = chance.choice(HEADERS)
        headers = (*(each for each in headers if each[0] != added[0]), added)
        content = Request(method, path, headers, body).encoded()
        return content, added[0] not in ("Content-Length", "Transfer-Encoding", "Expect", "Upgrade")
    if body.startswith(b"{") and chance.random() < 0.7:
        text, _, rest = body.partition(b"\0")
        body = json.dumps(with_broken_json(json.loads(text), chance)).encode() + b"\0" * bool(rest)
        body += rest
    elif kind in (3, 4):
        body = mutated([body or b"\0"], chance)
    elif kind == 5:
        body = form([mutated(seeds, chance) for _ in range(chance.choice((0, 1, 3, 300)))])
    return Request(method, path, headers, body).encoded(), method != "HEAD"


async def send(address: str, content: bytes, seconds: float) -> Response:
    """Send bytes over a connection, and return the response."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    received = b""
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, (host, int(port)))
        sending = asyncio.ensure_future(loop.sock_sendall(connection, content))
        # The server may respond and close before it has read all of a body.
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(seconds):
                while block := await loop.sock_recv(connection, 2**16):
                    received += block
        sending.cancel()
        await asyncio.wait([sending])
        if not sending.cancelled():
            sending.exception()  # retrieved, or it would be logged
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        return Response(0, {}, received)
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    return Response(int(lines[0].split()[1]), headers, body)


def wrong(response: Response, path: str, *, is_complete: bool) -> str | None:
    """Return what is wrong with a response to a broken request; None if it is proper."""
    if response.status == 0:
        return "no response" if is_complete else None
    if response.status not in PROPER and not (response.status == 100 and not is_complete):
        return f"status {response.status}"
    if LEAK.search(response.body.decode("latin-1")) and response.status >= 400:
        return "a text that reveals internals"
    content_type = response.headers.get("content-type", "")
    if response.status >= 400 and is_complete and content_type.startswith("application/"):
        content = json.loads(response.body)
        if content_type == "application/problem+json" and content["status"] != response.status:
            return "a problem with another status"
        if path.startswith("/v2") and not content.get("error"):
            return "no error"
    return None


async def fuzz_stream(web: WebProcess, seeds: list[bytes], chance: random.Random) -> str | None:
    """Send messages to a WebSocket, and return what is wrong with its responses."""
    messages: list[bytes | str] = []
    for sequence in range(chance.randrange(1, 6)):
        number = sequence.to_bytes(4, "big") if chance.random() < 0.8 else chance.randbytes(4)
        messages.append(number + mutated(seeds, chance))
    if chance.random() < 0.2:
        messages.append(chance.choice((b"", b"abc", "text")))
    url = f"ws://{web.address}/v1/stream{chance.choice(QUERIES[:3])}"
    try:
        async with asyncio.timeout(MAX_SECONDS), websockets.connect(url) as stream:
            for message in messages:
                await stream.send(message)
            count = sum(isinstance(each, bytes) and len(each) >= 4 for each in messages)
            for _ in range(count):
                response = json.loads(await stream.recv())
                code = response.get("error", {}).get("code", 3)
                if code not in (3, 8) or LEAK.search(json.dumps(response)):
                    return f"an error with code {code}"
    except websockets.ConnectionClosedError as error:
        if error.rcvd is None or error.rcvd.code not in (1003, 1009):
            return f"closed with {error.rcvd}"
    except TimeoutError:
        return "no response"
    return None


async def fuzz(web: WebProcess, count: int, seed: int, out: Path) -> int:
    """Send broken requests, and return the number of findings."""
    chance, seeds = random.Random(seed), seed_images()
    valid = valid_requests(seeds)
    outcomes: Counter[str] = Counter()
    before_bytes = 0

    def count_outcome(name: str, problem: str | None, content: bytes, number: int) -> None:
        outcomes[f"{FINDING}{name}: {problem}" if problem else name] += 1
        if problem:
            (out / f"http-{seed}-{number}").write_bytes(content)

    async def send_one(number: int) -> None:
        if chance.random() < 0.05:
            count_outcome("WebSocket", await fuzz_stream(web, seeds, chance), b"", number)
            return
        request, status = chance.choice(valid)
        if chance.random() < 0.05:
            content = request.encoded()
            response = await send(web.address, content, MAX_SECONDS)
            problem = None if response.status == status else f"status {response.status}"
            count_outcome(f"valid {status}", problem, content, number)
            return
        content, is_complete = broken(request, seeds, chance)
        response = await send(
            web.address, content, MAX_SECONDS if is_complete else INCOMPLETE_SECONDS
        )
        path = content.split(b" ", 2)[1].decode("latin-1") if is_complete else ""
        problem = wrong(response, path, is_complete=is_complete)
        count_outcome(f"status {response.status}", problem, content, number)

    for number in range(0, count, REQUESTS_IN_FLIGHT):
        await asyncio.gather(*(send_one(number + i) for i in range(REQUESTS_IN_FLIGHT)))
        if number % REQUESTS_PER_HEALTH_CHECK < REQUESTS_IN_FLIGHT:
            response = await send(web.address, valid[0][0].encoded(), MAX_SECONDS)
            if response.status != 200 or not web.process.is_running():
                outcomes[f"{FINDING}a valid image is not recognized any more"] += 1
        if number // REQUESTS_IN_FLIGHT == count // REQUESTS_IN_FLIGHT // 10:
            before_bytes = web.process.memory_info().rss
    return report("HTTP", count, outcomes, before_bytes, web.process.memory_info().rss)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz_web", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--inputs", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/fuzz"),
        help="folder for the requests of findings; default: %(default)s",
    )
    parsed = parser.parse_args()
    parsed.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as corrections,
        server_process() as server,
        web_process(server.address, "--corrections", corrections) as web,
    ):
        findings = asyncio.run(fuzz(web, parsed.inputs, parsed.seed, parsed.out))
    result = f"findings are in {parsed.out}" if findings else "nothing found"
    print(f"{time.monotonic() - start:.0f} s; {result}")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
