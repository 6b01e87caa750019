"""Connections that are open and idle, or slow, at real server processes."""

import contextlib
import itertools
import selectors
import socket
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from tests.processes import PATIENCE_SECONDS, SAMPLES, wait_until

if TYPE_CHECKING:
    from tests.processes import ServerProcess, StartServer

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
FIRST_BYTES = {
    "silent": b"",
    "slow header": b"GET /livez HTTP/1.1\r\nX-Slow: ",
    "idle HTTP/2": HTTP2_PREFACE,
    "unread metrics": b"GET /metrics HTTP/1.1\r\n\r\n",
}
KINDS = ["unread metrics"] * 6 + ["silent", "slow header", "idle HTTP/2"] * 200


def connect(address: str, first_bytes: bytes) -> socket.socket:
    """Open a connection with a small window, and send its first bytes."""
    host, _, port = address.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect((host, int(port)))
    connection.sendall(first_bytes)
    return connection


@contextlib.contextmanager
def many_connections(address: str) -> Iterator[None]:
    """Keep connections of all kinds open; those that the server closes are replaced.

    Those with a slow header go on with it.
    """
    ending = threading.Event()
    opened = threading.Semaphore(0)

    def keep_open() -> None:
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:

            def add(kind: str) -> None:
                with contextlib.suppress(OSError):
                    connection = stack.enter_context(connect(address, FIRST_BYTES[kind]))
                    # A page that is not read must not be read here either.
                    if kind != "unread metrics":
                        selector.register(connection, selectors.EVENT_READ, kind)
                opened.release()

            for kind in KINDS:
                add(kind)
            while not ending.wait(0.05):
                for key, _ in selector.select(0)[:10]:
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    with contextlib.suppress(OSError):
                        if connection.recv(4096):  # the settings of HTTP/2
                            continue
                    selector.unregister(connection)
                    connection.close()
                    add(key.data)
                for key in selector.get_map().values():
                    if key.data == "slow header" and isinstance(key.fileobj, socket.socket):
                        with contextlib.suppress(OSError):
                            key.fileobj.sendall(b"x")

    thread = threading.Thread(target=keep_open)
    thread.start()
    try:
        for _ in KINDS:
            assert opened.acquire(timeout=PATIENCE_SECONDS)
        yield
    finally:
        ending.set()
        thread.join()


def get(address: str, path: str) -> int:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE_SECONDS) as response:
        response.read()
        return int(response.status)


@pytest.mark.parametrize("workers", [1, 2])
def test_probes_get_their_pages_whatever_connections_are_open(
    start_server: "StartServer", workers: int
) -> None:
    server = start_server("--admin-port", "0", "--workers", str(workers))
    assert server.admin_address is not None
    process = psutil.Process(server.process.pid)
    get(server.admin_address, "/metrics")
    threads, memory = process.num_threads(), process.memory_info().rss
    with many_connections(server.admin_address):
        for _ in range(15):
            for path in ("/livez", "/readyz", "/metrics"):
                assert get(server.admin_address, path) == 200
            # A new connection each time, as those of probes are.
            with grpc.insecure_channel(
                server.admin_address, [("grpc.use_local_subchannel_pool", 1)]
            ) as channel:
                response = health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=PATIENCE_SECONDS
                )
                assert response.status == health_pb2.HealthCheckResponse.SERVING
        assert process.num_threads() < threads + 40
        assert process.memory_info().rss < memory + 50 * 2**20
        assert process.num_fds() < 600
    wait_until(lambda: process.num_fds() < 200)


def wait_until_closed(connection: socket.socket) -> None:
    """Wait until the server closes a connection, for less time than its keepalive needs."""
    connection.settimeout(45)
    while connection.recv(4096):
        pass


def test_a_connection_without_a_byte_is_closed(server: "ServerProcess") -> None:
    with connect(server.address, b"") as silent:
        wait_until_closed(silent)


def test_idle_connections_are_closed_and_an_open_drawing_is_not(
    start_server: "StartServer",
) -> None:
    server = start_server("--max-connection-idle-seconds", "1")
    drawn = threading.Semaphore(0)
    content = Path(SAMPLES[5]).read_bytes()

    def drawings() -> Iterator[pb.StreamingRecognizeRequest]:
        for sequence in itertools.count(1):
            drawn.acquire(timeout=PATIENCE_SECONDS)
            yield pb.StreamingRecognizeRequest(sequence=sequence, image=pb.Image(encoded=content))

    with grpc.insecure_channel(server.address) as channel:
        responses = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(
            drawings(), timeout=PATIENCE_SECONDS
        )
        for _ in range(3):
            drawn.release()
            assert next(responses).predictions[0].digit == 5
            with connect(server.address, HTTP2_PREFACE) as idle:
                wait_until_closed(idle)
        responses.cancel()
        drawn.release()
