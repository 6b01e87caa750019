"""Failures that happen in production, caused on purpose in real server processes."""

import asyncio
import contextlib
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_client.cli.server_options import ServerOptions
from digits_client.draw.events import Disconnected, Event, Recognized
from digits_client.draw.session import Session
from digits_client.errors import UnavailableError
from digits_server import models
from tests.commands.load import Load
from tests.processes import (
    PATIENCE_SECONDS,
    SAMPLES,
    add_model,
    free_port,
    ready_addresses,
    wait_until,
)

if TYPE_CHECKING:
    from tests.processes import ServerProcess, StartServer

# The start of an HTTP/2 connection, with empty settings.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


def address_of(*servers: "ServerProcess") -> str:
    """Return one address for several servers, so that calls go to them in turn."""
    return "ipv4:" + ",".join(server.address for server in servers)


def test_killing_one_of_two_servers_under_load_loses_no_call(start_server: "StartServer") -> None:
    first, second = start_server(), start_server()
    load = Load(address_of(first, second))
    load.wait_for(50)
    first.process.kill()
    load.wait_for(200)
    calls = load.end()
    assert all(sent == received for sent, received in calls)
    assert len(calls) >= 250


def test_a_rolling_restart_of_two_servers_under_load_fails_no_call(
    start_server: "StartServer",
) -> None:
    servers = [start_server("--drain-seconds", "0.5"), start_server("--drain-seconds", "0.5")]
    load = Load(address_of(*servers))
    for server in servers:
        load.wait_for(50)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0
        start_server(port=server.port)
    load.wait_for(100)
    assert all(sent == received for sent, received in load.end())


def sheet_on_desk() -> NDArray[np.uint8]:
    """Return a sheet on a desk in half a shadow, (240, 240), which takes long to read."""
    page = np.full((240, 240), 60, np.uint8)
    page[24:216, 48:192] = 230
    page[72:168, 120:144] = page[72:96, 96:120] = 20
    page[:, 144:] //= 2
    return page


def test_calls_in_flight_finish_before_the_server_stops(server: "ServerProcess") -> None:
    image = pb.Image(raw=pb.RawImage(width=240, height=240, data=sheet_on_desk().tobytes()))
    request = pb.RecognizeBatchRequest(images=[image] * 80)
    with grpc.insecure_channel(server.address) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        process = psutil.Process(server.process.pid)
        before = process.cpu_times().user
        call = pb_grpc.RecognizerServiceStub(channel).RecognizeBatch.future(
            request, timeout=PATIENCE_SECONDS
        )
        wait_until(lambda: process.cpu_times().user > before + 0.05)  # of half a second
        server.process.send_signal(signal.SIGTERM)
        assert len(call.result().results) == 80
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_open_streams_do_not_delay_the_end_of_a_server(start_server: "StartServer") -> None:
    """Neither one that has sent nothing, nor one whose drawing has its response."""
    server = start_server("--grace-seconds", "3600")
    requests: queue.SimpleQueue[pb.StreamingRecognizeRequest | None] = queue.SimpleQueue()
    requests.put(
        pb.StreamingRecognizeRequest(image=pb.Image(encoded=Path(SAMPLES[3]).read_bytes()))
    )
    silent: queue.SimpleQueue[pb.StreamingRecognizeRequest | None] = queue.SimpleQueue()
    with grpc.insecure_channel(server.address) as channel:
        stub = pb_grpc.RecognizerServiceStub(channel)
        streams = [stub.StreamingRecognize(iter(each.get, None)) for each in (requests, silent)]
        assert next(streams[0]).predictions[0].digit == 3
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0
        for stream in streams:
            assert stream.code() == grpc.StatusCode.UNAVAILABLE
            assert stream.details() == "the server is stopping"
        requests.put(None)
        silent.put(None)


def test_a_window_stays_connected_through_a_rolling_restart(start_server: "StartServer") -> None:
    # While one server drains, the window's channel finds that the other one is back: it tries again
    # after up to 1.2 seconds.
    servers = [start_server("--drain-seconds", "3") for _ in range(2)]
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    session = Session(ServerOptions(",".join(server.address for server in servers)), events.put)
    drawing = Image.open(SAMPLES[3])
    try:
        for revision, server in enumerate((*servers, None)):
            session.send(revision, drawing)
            recognized = None
            while not isinstance(recognized, Recognized):
                recognized = events.get(timeout=PATIENCE_SECONDS)
                assert not isinstance(recognized, Disconnected)
            assert (recognized.revision, recognized.number.text) == (revision, "3")
            if server is not None:
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(PATIENCE_SECONDS) == 0
                start_server(port=server.port)
    finally:
        session.close()


def test_connections_that_do_not_respond_do_not_delay_the_end_of_a_server(
    start_server: "StartServer",
) -> None:
    server = start_server("--grace-seconds", "3600")
    with socket.create_connection(("127.0.0.1", int(server.port))) as connection:
        connection.sendall(PREFACE)
        assert connection.recv(1)  # and no more is read, nor is a ping acknowledged
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0


# A server whose images are never framed: those of 700 x 700 pixels in a thread, those of 28 x 28
# in the event loop, however fast the model is.
HANGING = """
import math, sys, time
from digits_server import cli
from digits_server.inference import batcher, recognizer
batcher.IN_PLACE_SECONDS = math.inf
def hang(*_):
    print("hanging", file=sys.stderr, flush=True)
    time.sleep(3600)
recognizer.to_frames = hang
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("side", "thread"), [(700, "images_0"), (28, "MainThread")])
def test_a_thread_that_hangs_does_not_outlive_the_grace(
    environment: dict[str, str], side: int, thread: str
) -> None:
    image = pb.Image(raw=pb.RawImage(width=side, height=side, data=bytes(side**2)))
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, "--port", "0", "--grace-seconds", "0.5"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        address, _ = ready_addresses(process.stderr)
        with grpc.insecure_channel(address) as channel:
            call = pb_grpc.RecognizerServiceStub(channel).Recognize.future(
                pb.RecognizeRequest(image=image)
            )
            assert process.stderr.readline() == "hanging\n"
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 1
            assert re.search(rf"not stopped after 3\.5 s; running: .*{thread} in _recognize", log)
            assert call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def test_models_can_be_added_and_removed_under_load(
    start_server: "StartServer", models_dir: Path
) -> None:
    server = start_server("--models-dir", str(models_dir), "--poll-seconds", "0.1")
    load = Load(server.address)
    with Client(server.address) as client:
        assert client.model().version == "5"
        newer = add_model(models_dir, 6)
        wait_until(lambda: client.model().version == "6")
        assert client.recognize(SAMPLES[4]).model_version == "6"
        bad = add_model(models_dir, 7)
        (bad / models.MODEL_FILE).write_bytes(b"x" * 1000)
        shutil.rmtree(newer)
        wait_until(lambda: client.model().version == "5")
    assert all(sent == received for sent, received in load.end())


def test_sighup_makes_the_server_look_for_models_at_once(
    start_server: "StartServer", models_dir: Path
) -> None:
    server = start_server("--models-dir", str(models_dir), "--poll-seconds", "0")
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        assert client.model().version == "5"
        bad = add_model(models_dir, 7)
        (bad / models.MANIFEST_FILE).write_text("{}")
        add_model(models_dir, 6)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: client.model().version == "6")
        health = health_pb2_grpc.HealthStub(channel)
        statuses = health.List(health_pb2.HealthListRequest(), timeout=5).statuses
        assert statuses["model/7"].status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert statuses[""].status == health_pb2.HealthCheckResponse.SERVING


def test_a_server_survives_the_removal_of_its_models_folder(
    start_server: "StartServer", models_dir: Path
) -> None:
    server = start_server("--models-dir", str(models_dir), "--poll-seconds", "0.05")
    shutil.rmtree(models_dir)
    with Client(server.address) as client:
        for digit, sample in enumerate(SAMPLES):
            assert client.recognize(sample).digit == digit
    assert server.process.poll() is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_does_not_stop_the_server(environment: dict[str, str]) -> None:
    port = free_port()
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(
            [sys.executable, "-m", "digits_server", "--port", str(port), "--log-level", "debug"],
            env=environment,
            stderr=full,
            stdout=full,
        ) as process,
    ):
        try:
            with Client(f"127.0.0.1:{port}") as client:
                wait_until(lambda: is_served(client))
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


def is_served(client: Client) -> bool:
    """Return whether a server recognizes a sample; False while none is reached."""
    with contextlib.suppress(UnavailableError):
        return client.recognize(SAMPLES[7]).digit == 7
    return False


def test_connections_beyond_the_limit_are_closed_and_the_others_keep_working(
    start_server: "StartServer",
) -> None:
    server = start_server("--max-connections", "300")
    with Client(server.address) as before:
        assert before.recognize(SAMPLES[3]).digit == 3
        opened, closed = asyncio.run(open_connections(server, 1000))
        assert (opened, closed) == (299, 701)
        assert before.recognize(SAMPLES[3]).digit == 3
    with Client(server.address) as after:
        wait_until(lambda: is_served(after))  # there is room again


async def open_connections(server: "ServerProcess", count: int) -> tuple[int, int]:
    """Open connections, all at once.

    Returns:
        The number that the server greeted, and the number that it closed.
    """

    async def connect() -> asyncio.StreamWriter | None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.port))
        with contextlib.suppress(OSError):
            writer.write(PREFACE)
            if await reader.read(1):
                return writer
        writer.close()
        return None

    async with asyncio.timeout(PATIENCE_SECONDS):
        writers = await asyncio.gather(*(connect() for _ in range(count)))
    greeted = [writer for writer in writers if writer is not None]
    for writer in greeted:
        writer.close()
    return len(greeted), count - len(greeted)


def test_stream_clients_that_stop_reading_or_vanish_block_nobody(
    server: "ServerProcess",
) -> None:
    content = Path(SAMPLES[8]).read_bytes()

    def drawings() -> Iterator[pb.StreamingRecognizeRequest]:
        for sequence in range(200):
            yield pb.StreamingRecognizeRequest(
                sequence=sequence, image=pb.Image(encoded=content), include_frame=True
            )

    channels = []
    for _ in range(20):
        channel = grpc.insecure_channel(server.address)
        responses = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(
            drawings(), timeout=PATIENCE_SECONDS
        )
        next(responses)  # and no more is read
        channels.append(channel)
    with Client(server.address) as client:
        assert client.recognize(SAMPLES[8]).digit == 8
        for channel in channels:
            channel.close()
        assert client.recognize(SAMPLES[8]).digit == 8
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0
