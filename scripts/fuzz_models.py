"""Give a server broken models, and check that it keeps serving.

    python -m scripts.fuzz_models [--models 5000] [--minutes 60] [--precision float32] [--seed 1]

Each is a new version in the models folder, one at a time: mutated model files with matching
checksums, mutated manifests, and FIFOs, links and folders in place of files. Calls go to the server
all the time.

Findings are: a call that fails for another reason than overload, a version that is neither served
nor rejected within two minutes, a server that ends, and one that does not recognize ten digits with
an intact version at the end. --out keeps the folders of findings. Memory is shown after 50 models
and at the end.

Exit status: 0 without findings, 1 with findings.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_server import models
from digits_server.settings import PRECISIONS, SHIPPED_MODELS
from scripts import fuzz
from scripts.server_process import ServerProcess, server_process

DECISION_SECONDS = 120.0
CALL_SECONDS = 60.0
POLL_SECONDS = 0.05
DECISIONS = ("served", "rejected")
# Of calls that wait for seconds, because other processes keep the machine busy.
OVERLOAD = ("CANCELLED", "RESOURCE_EXHAUSTED")
WARM_UP_VERSION = 50  # after it, memory should be flat
SHIPPED = SHIPPED_MODELS / str(models.versions(SHIPPED_MODELS)[0])
SAMPLES = [Path(f"samples/{digit}/marker.png").read_bytes() for digit in range(10)]


def mutated_model(content: bytes, rng: random.Random) -> bytes:
    """Return a model file, changed in a few places, most of them in its tables."""
    if rng.random() < 0.1:
        return fuzz.mutated([content], rng)
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        # The tables of float32 models are at the end, and those of int8 models at the start.
        start, end = rng.choice(((0, 4096), (-6144, 0), (-6144, 0), (0, 0)))
        positions = range(*slice(start, end or None).indices(len(changed)))
        at = rng.choice(positions) & ~3
        match rng.randrange(4):
            case 0:
                changed[at + rng.randrange(4)] ^= 1 << rng.randrange(8)
            case 1:
                changed[at + rng.randrange(4)] = rng.randrange(256)
            case 2:
                changed[at : at + 4] = rng.choice(fuzz.BOUNDARY_VALUES).to_bytes(4, "little")
            case 3:
                other = rng.choice(positions) & ~3
                changed[at : at + 4] = changed[other : other + 4]
    return bytes(changed)


def write_version(folder: Path, precision: str, rng: random.Random) -> str:
    """Write a broken version, and return its kind."""
    part = folder.with_suffix(".part")
    shutil.copytree(SHIPPED, part)
    model = part / models.MODEL_FILES[precision]
    chance = rng.random()
    kind = "model" if chance < 0.8 else "manifest" if chance < 0.9 else "file"
    if kind == "model":
        model.write_bytes(mutated_model(model.read_bytes(), rng))
    files = {path.name: models.sha256(path) for path in part.glob("*.tflite")}
    manifest = dataclasses.replace(models.Manifest.read(SHIPPED), version=folder.name, files=files)
    manifest.write(part)
    if kind == "manifest":
        _break_manifest(part / models.MANIFEST_FILE, rng)
    elif kind == "file":
        _replace_file(rng.choice((model, part / models.MANIFEST_FILE)), rng)
    part.rename(folder)
    return kind


def _break_manifest(path: Path, rng: random.Random) -> None:
    values = json.loads(path.read_text("utf-8"))
    field = rng.choice(list(values))
    value: Any = rng.choice(
        (None, True, "x", "", [], {}, -1, 10**400, float("nan"), float("inf"), "\ud800", "\0" * 9)
    )
    match rng.randrange(5):
        case 0:
            path.write_bytes(fuzz.mutated([path.read_bytes()], rng))
        case 1:
            path.write_text(json.dumps(values | {field: value}))
        case 2:
            name = rng.choice(("\0", "a\0b", "../x", "/etc/hostname", "..", "", "x" * 9999))
            path.write_text(json.dumps(values | {"files": values["files"] | {name: "0" * 64}}))
        case 3:
            depth = rng.choice((500, 10_000, 100_000))
            path.write_text("[" * depth + "]" * depth)
        case 4:
            path.write_text(json.dumps(values | {field: [value] * rng.choice((1, 1000, 10**6))}))


def _replace_file(path: Path, rng: random.Random) -> None:
    moved = path.parent.parent / "moved"
    path.replace(moved)
    match rng.randrange(5):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to(moved)
        case 3:
            fifo = path.parent / "fifo"
            os.mkfifo(fifo)
            path.symlink_to(fifo)
        case 4:
            with path.open("wb") as file:
                file.truncate(2**40)  # takes no space


class Calls:
    """Calls to a server, one after the other, until the context ends."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.max_seconds = 0.0

    @contextlib.asynccontextmanager
    async def running(self, channel: grpc.aio.Channel) -> AsyncIterator[None]:
        """Make calls for as long as the context lasts."""
        task = asyncio.create_task(self._call_repeatedly(channel))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _call_repeatedly(self, channel: grpc.aio.Channel) -> None:
        stub: Any = pb_grpc.RecognizerServiceStub(channel)
        while True:
            for sample in SAMPLES:
                start = time.perf_counter()
                try:
                    await stub.Recognize(_request(sample), timeout=CALL_SECONDS)
                    outcome = "call OK"
                except grpc.aio.AioRpcError as error:
                    prefix = "" if error.code().name in OVERLOAD else fuzz.FINDING
                    outcome = f"{prefix}call {error.code().name}: {error.details()}"[:100]
                self.outcomes[outcome] += 1
                self.max_seconds = max(self.max_seconds, time.perf_counter() - start)
                await asyncio.sleep(POLL_SECONDS)


def _request(sample: bytes) -> pb.RecognizeRequest:
    return pb.RecognizeRequest(image=pb.Image(encoded=sample))


async def fuzz_models(server: ServerProcess, models_dir: Path, parsed: argparse.Namespace) -> int:
    """Add broken versions to the folder of a server, and return the number of findings."""
    rng = random.Random(parsed.seed)
    end = time.monotonic() + 60 * parsed.minutes
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    calls = Calls()
    before_bytes = served = 0
    async with grpc.aio.insecure_channel(server.address) as channel, calls.running(channel):
        for version in range(2, parsed.models + 2):
            folder = models_dir / str(version)
            kind = write_version(folder, parsed.precision, rng)
            decision = await _decide(server, channel, version)
            prefix = "" if decision in DECISIONS else fuzz.FINDING
            outcomes[f"{prefix}{kind} {decision}"] += 1
            if decision == "served":
                shutil.rmtree(models_dir / str(served), ignore_errors=True)
                served = version
            else:
                if decision == "rejected":
                    reason = await asyncio.to_thread(_reason, server, version)
                    reasons[_kind_of_reason(reason)] += 1
                elif kind == "model":
                    shutil.copytree(folder, parsed.out / f"{parsed.seed}-{version}")
                shutil.rmtree(folder)
            if not _is_running(server) or time.monotonic() > end:
                break
            if version == WARM_UP_VERSION:
                before_bytes = server.process.memory_info().rss
        outcomes += await _final_outcomes(server, channel, models_dir / str(version + 1))
    for reason, number in reasons.most_common():
        print(f"  {number:>9,}  rejected: {reason}")
    print(f"  longest call {calls.max_seconds * 1000:.0f} ms")
    after_bytes = server.process.memory_info().rss if _is_running(server) else 0
    return fuzz.report("models", version - 1, outcomes + calls.outcomes, before_bytes, after_bytes)


async def _final_outcomes(
    server: ServerProcess, channel: grpc.aio.Channel, folder: Path
) -> Counter[str]:
    """Return what becomes of an intact version, and of ten digits that it has to recognize."""
    if not _is_running(server):
        return Counter([f"{fuzz.FINDING}the server has ended"])
    shutil.copytree(SHIPPED, folder)
    dataclasses.replace(models.Manifest.read(SHIPPED), version=folder.name).write(folder)
    decision = await _decide(server, channel, int(folder.name))
    outcomes = Counter([f"{'' if decision == 'served' else fuzz.FINDING}intact {decision}"])
    stub: Any = pb_grpc.RecognizerServiceStub(channel)
    for digit, sample in enumerate(SAMPLES):
        response = await stub.Recognize(_request(sample), timeout=CALL_SECONDS)
        if response.predictions[0].digit != digit:
            outcomes[f"{fuzz.FINDING}{digit} is not recognized at the end"] += 1
    return outcomes


def _is_running(server: ServerProcess) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(server.process.status() != psutil.STATUS_ZOMBIE)
    return False


async def _decide(server: ServerProcess, channel: grpc.aio.Channel, version: int) -> str:
    """Have a server check its folder, and return what becomes of a version."""
    health: Any = health_pb2_grpc.HealthStub(channel)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + DECISION_SECONDS
    while time.monotonic() < deadline and _is_running(server):
        with contextlib.suppress(grpc.aio.AioRpcError):
            response = await health.List(health_pb2.HealthListRequest(), timeout=CALL_SECONDS)
            status = response.statuses.get(f"model/{version}")
            if status is not None:
                is_served = status.status == health_pb2.HealthCheckResponse.SERVING
                return "served" if is_served else "rejected"
        await asyncio.sleep(POLL_SECONDS)
    return "neither served nor rejected"


def _reason(server: ServerProcess, version: int) -> str:
    url = f"http://{server.admin_address}/readyz"
    with urllib.request.urlopen(url, timeout=CALL_SECONDS) as response:
        return str(json.load(response)["rejected_versions"].get(str(version)))


def _kind_of_reason(reason: str) -> str:
    """Return a reason without what differs between versions."""
    reason = re.sub(r"\S*/(\d+)/?", "", reason).replace(" cannot be served: ", " ")
    reason = re.sub(r"(frame recipe) .*", r"\1", reason)
    return re.sub(r"\d+", "N", re.split(r"[:;'\"(]", reason)[0])[:80]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.fuzz_models", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", type=int, default=5000, help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=600, help="longest run")
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/fuzz"),
        help="folder for the models of findings; default: %(default)s",
    )
    parsed = parser.parse_args()
    parsed.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        models_dir = Path(temporary) / "models"
        shutil.copytree(SHIPPED, models_dir / "1")
        dataclasses.replace(models.Manifest.read(SHIPPED), version="1").write(models_dir / "1")
        flags = ("--models-dir", str(models_dir), "--poll-seconds", "0", "--admin-port", "0")
        with server_process(*flags, "--precision", parsed.precision) as server:
            findings = asyncio.run(fuzz_models(server, models_dir, parsed))
    result = f"findings are in {parsed.out}" if findings else "nothing found"
    print(f"{time.monotonic() - start:.0f} s; {result}")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
