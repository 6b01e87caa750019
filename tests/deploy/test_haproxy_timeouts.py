"""HAProxy ends calls and connections that stall, but no drawing: its configuration, sped up."""

import contextlib
import queue
import re
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_client.bulk.retry import MESSAGE_SECONDS
from digits_client.channel import DEFAULT_STREAM_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS
from digits_client.errors import UnavailableError
from tests.processes import (
    PATIENCE_SECONDS,
    ROOT,
    SAMPLES,
    ServerProcess,
    StartServer,
    free_port,
    wait_until,
)

CONFIG = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
SAMPLE = (ROOT / SAMPLES[3]).read_bytes()
# The times of the configuration, and shorter ones in the same order.
SHORTER = {"5s": "1s", "10s": "1s", "10m": "2s", "60s": "3s"}
SERVICE = "/digits.v1.RecognizerService"


def seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def timeouts() -> dict[str, float]:
    """Return HAProxy's timeouts in seconds, by name; those of streams start with "set-timeout"."""
    found = re.findall(
        r"^ +(?:http-request )?(timeout [\w-]+|set-timeout \w+|wait-for-body time) (\d+[smh])",
        CONFIG.read_text("utf-8"),
        re.M,
    )
    return {name: seconds(value) for name, value in found}


@contextlib.contextmanager
def running_haproxy(server: ServerProcess, folder: Path) -> Iterator[str]:
    """Run HAProxy before a server until the context ends, and yield its address."""
    command = shutil.which("haproxy")
    if command is None:
        pytest.skip("haproxy is not installed (Debian: haproxy)")
    port = free_port()
    text = CONFIG.read_text("utf-8")
    for long, short in SHORTER.items():
        text, count = re.subn(rf"\b{long}\b", short, text)
        assert count
    replacements = {
        r"^    bind :50051 ": f"    bind 127.0.0.1:{port} ",
        r"^    bind 127.0.0.1:8404": f"    bind 127.0.0.1:{free_port()}",
        # Without health checks, which would notice a stopped server before the timeouts do.
        r"^    server-template .*": f"    server one {server.address} proto h2 no-check",
    }
    for pattern, replacement in replacements.items():
        text, count = re.subn(pattern, replacement, text, flags=re.M)
        assert count == 1
    config = folder / "haproxy.cfg"
    config.write_text(text, "utf-8")
    with subprocess.Popen(
        [command, "-db", "-q", "-f", config], stdout=subprocess.DEVNULL
    ) as process:
        try:
            with Client(f"127.0.0.1:{port}") as client:
                wait_until(lambda: is_served(client))
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    return start_server()


@pytest.fixture
def haproxy(server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    with running_haproxy(server, tmp_path) as address:
        yield address


def is_served(client: Client) -> bool:
    with contextlib.suppress(UnavailableError):
        return client.recognize(SAMPLE).digit == 3
    return False


# A client of HTTP/2 that stops when it likes.


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(path: str) -> bytes:
    """Return the headers of a call, as literals."""

    def literal(name: str, value: str) -> bytes:
        return b"\0" + b"".join(bytes((len(one),)) + one.encode() for one in (name, value))

    return b"\x83\x86" + b"".join(
        literal(name, value)
        for name, value in (
            (":path", path),
            (":authority", "test"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        )
    )


GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
CALL = GREETING + frame(1, 4, 1, headers(f"{SERVICE}/Recognize"))


def received(address: str, sent: bytes) -> bytes:
    """Send some bytes, and return all that HAProxy sends until it closes the connection."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_timeouts_agree_with_the_deadlines_of_clients() -> None:
    found = timeouts()
    deadline = max(DEFAULT_TIMEOUT_SECONDS, MESSAGE_SECONDS)
    assert deadline < found["timeout server"] < found["set-timeout server"]
    # The last one is for versions that cannot set it for streams.
    assert found["timeout client"] >= DEFAULT_STREAM_TIMEOUT_SECONDS
    assert found["set-timeout client"] >= DEFAULT_STREAM_TIMEOUT_SECONDS
    assert found["set-timeout server"] >= DEFAULT_STREAM_TIMEOUT_SECONDS
    assert found["timeout http-request"] <= 10
    assert found["wait-for-body time"] <= 10
    assert found["timeout http-keep-alive"] <= 600


def test_what_does_not_move_ends_and_a_drawing_goes_on(haproxy: str) -> None:
    with grpc.insecure_channel(haproxy) as channel:
        drawn: queue.Queue[pb.StreamingRecognizeRequest] = queue.Queue()
        responses = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(
            iter(drawn.get, None), timeout=PATIENCE_SECONDS
        )
        drawn.put(pb.StreamingRecognizeRequest(sequence=1, image=pb.Image(encoded=SAMPLE)))
        assert next(responses).sequence == 1
        watched = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS
        )
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        # Each of these takes until a timeout, and both streams idle meanwhile.
        received(haproxy, GREETING)
        assert b"408 Request Time-out" in received(haproxy, CALL)
        started = struct.pack(">BI", 0, 1_000_000)  # a message of 1 MB
        small = frame(0, 0, 1, started + bytes(10))
        assert b"408 Request Time-out" in received(haproxy, CALL + small)
        large = frame(0, 0, 1, started) + frame(0, 0, 1, bytes(16_000)) * 3
        reset = b"\0\0\x04" + bytes((3, 0)) + struct.pack(">I", 1)  # with a status before 2.9 only
        assert reset in received(haproxy, CALL + large)
        drawn.put(pb.StreamingRecognizeRequest(sequence=2, image=pb.Image(encoded=SAMPLE)))
        assert next(responses).sequence == 2
        assert watched.is_active()


def test_a_call_to_a_stopped_server_is_unavailable(haproxy: str, server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGSTOP)
    with grpc.insecure_channel(haproxy) as channel:
        stub = pb_grpc.RecognizerServiceStub(channel)
        request = pb.RecognizeRequest(image=pb.Image(encoded=SAMPLE))
        with pytest.raises(grpc.RpcError) as raised:
            stub.Recognize(request, timeout=PATIENCE_SECONDS)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "504" in str(raised.value.details())
