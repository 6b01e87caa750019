"""What goes wrong in production, done to real server processes."""

import asyncio
import contextlib
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

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_client.errors import UnavailableError
from digits_server import models
from digits_server.settings import TRANSPORTS
from tests.commands.load import PATIENCE_SECONDS, SAMPLES, Load, add_model, until

if TYPE_CHECKING:
    from tests.commands.conftest import ServerProcess, Start


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each of them in turn."""
    return str(request.param)


def both(*servers: "ServerProcess") -> str:
    """Return one address for several servers: calls go to them in turn."""
    return "ipv4:" + ",".join(server.address for server in servers)


def test_of_two_servers_one_is_killed_under_load_and_every_answer_comes_once(
    start: "Start",
) -> None:
    first, second = start(), start()
    load = Load(both(first, second))
    load.wait_for(50)
    first.process.kill()
    load.wait_for(200)
    answers = load.end()
    assert all(asked == answered for asked, answered in answers)
    assert len(answers) >= 250


def test_two_servers_are_restarted_one_after_the_other_and_no_call_fails(start: "Start") -> None:
    servers = [start("--drain-seconds", "0.5"), start("--drain-seconds", "0.5")]
    load = Load(both(*servers))
    for server in servers:
        load.wait_for(50)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0
        start(port=server.port)
    load.wait_for(100)
    assert all(asked == answered for asked, answered in load.end())


def test_calls_in_flight_are_answered_when_it_is_asked_to_end(server: "ServerProcess") -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 700, 700), np.uint8)
    request = pb.RecognizeBatchRequest(
        images=[
            pb.Image(raw=pb.RawImage(width=700, height=700, data=image.tobytes()))
            for image in noise
        ]
    )
    with grpc.insecure_channel(server.address) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE_SECONDS)
        call = pb_grpc.RecognizerServiceStub(channel).RecognizeBatch.future(request, timeout=20)
        metrics = psutil.Process(server.process.pid)
        before = metrics.cpu_times().user
        until(lambda: metrics.cpu_times().user > before + 0.05)  # it has begun to work
        server.process.send_signal(signal.SIGTERM)
        assert len(call.result().results) == 40
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_versions_come_and_go_under_load(start: "Start", models_dir: Path) -> None:
    server = start("--models-dir", str(models_dir), "--poll-seconds", "0.1")
    load = Load(server.address)
    with Client(server.address) as client:
        assert client.model().version == "5"
        newer = add_model(models_dir, 6)
        until(lambda: client.model().version == "6")
        assert client.recognize(SAMPLES[4]).model_version == "6"
        bad = add_model(models_dir, 7)
        (bad / models.MODEL_FILE).write_bytes(b"x" * 1000)
        shutil.rmtree(newer)
        until(lambda: client.model().version == "5")
    assert all(asked == answered for asked, answered in load.end())


def test_a_signal_makes_it_look_at_once(start: "Start", models_dir: Path) -> None:
    server = start("--models-dir", str(models_dir), "--poll-seconds", "0")
    with Client(server.address) as client, grpc.insecure_channel(server.address) as channel:
        assert client.model().version == "5"
        bad = add_model(models_dir, 7)
        (bad / models.MANIFEST_FILE).write_text("{}")
        add_model(models_dir, 6)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: client.model().version == "6")
        health = health_pb2_grpc.HealthStub(channel)
        statuses = health.List(health_pb2.HealthListRequest(), timeout=5).statuses
        assert statuses["model/7"].status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert statuses[""].status == health_pb2.HealthCheckResponse.SERVING


def test_the_folder_vanishes_while_it_serves(start: "Start", models_dir: Path) -> None:
    server = start("--models-dir", str(models_dir), "--poll-seconds", "0.05")
    shutil.rmtree(models_dir)
    with Client(server.address) as client:
        for digit, sample in enumerate(SAMPLES):
            assert client.recognize(sample).digit == digit
    assert server.process.poll() is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_does_not_stop_it(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
                answers: list[int | None] = []
                until(lambda: _answers(client, answers))
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()


def _answers(client: Client, answers: list[int | None]) -> bool:
    with contextlib.suppress(UnavailableError):
        answers.append(client.recognize(SAMPLES[7]).digit)
    return answers == [7]


@pytest.mark.parametrize("transport", ["grpc"], indirect=True)  # the other has no limit
def test_of_connections_those_past_the_limit_are_refused_and_the_others_live(
    start: "Start",
) -> None:
    server = start("--max-connections", "300")
    with Client(server.address) as before:
        assert before.recognize(SAMPLES[3]).digit == 3
        opened, refused = asyncio.run(_crowd(server, 1000))
        assert (opened, refused) == (299, 701)
        assert before.recognize(SAMPLES[3]).digit == 3
    with Client(server.address) as after:  # there is room again
        assert after.recognize(SAMPLES[3]).digit == 3


async def _crowd(server: "ServerProcess", count: int) -> tuple[int, int]:
    """Open connections and keep them; return how many were greeted and how many hung up on."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))

    async def knock() -> asyncio.StreamWriter | None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.port))
        with contextlib.suppress(OSError):
            writer.write(preface)
            if await reader.read(1):
                return writer
        writer.close()
        return None

    async with asyncio.timeout(PATIENCE_SECONDS):
        writers = await asyncio.gather(*(knock() for _ in range(count)))
    greeted = [writer for writer in writers if writer is not None]
    for writer in greeted:
        writer.close()
    return len(greeted), count - len(greeted)


def test_stream_clients_that_read_slowly_or_vanish_leave_nothing_behind(
    server: "ServerProcess",
) -> None:
    content = Path(SAMPLES[8]).read_bytes()

    def drawn() -> Iterator[pb.StreamingRecognizeRequest]:
        for sequence in range(200):
            yield pb.StreamingRecognizeRequest(
                sequence=sequence, image=pb.Image(encoded=content), include_frame=True
            )

    channels = []
    for _ in range(20):
        channel = grpc.insecure_channel(server.address)
        answers = pb_grpc.RecognizerServiceStub(channel).StreamingRecognize(drawn(), timeout=60)
        next(answers)  # and no more is read
        channels.append(channel)
    with Client(server.address) as client:
        assert client.recognize(SAMPLES[8]).digit == 8
        for channel in channels:
            channel.close()
        assert client.recognize(SAMPLES[8]).digit == 8
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0
