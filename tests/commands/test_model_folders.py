"""A models folder that holds anything neither ends nor holds up a real server."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_server import models
from tests.processes import PATIENCE_SECONDS, ROOT, SAMPLES, add_model, running_server, wait_until

if TYPE_CHECKING:
    from tests.processes import StartServer

# Makes the child processes in which models are tested wait for ever while a file exists.
SITECUSTOMIZE = """
import os, sys, time
if "digits_server.models" in sys.orig_argv:
    while os.path.exists({path!r}):
        time.sleep(1)
"""


@pytest.fixture
def hang(tmp_path: Path) -> Path:
    """The file that makes child processes hang."""
    return tmp_path / "hang"


@pytest.fixture
def hanging_environment(environment: dict[str, str], hang: Path) -> dict[str, str]:
    """Environment variables of a server whose child processes can be made to hang."""
    folder = hang.parent / "python"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(path=str(hang)))
    paths = (str(folder), environment.get("PYTHONPATH", ""))
    return environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def test_a_server_starts_next_to_fifos_and_links_to_them_and_ends(
    start_server: "StartServer", models_dir: Path
) -> None:
    for version, file in ((6, models.MODEL_FILE), (7, models.MANIFEST_FILE)):
        path = add_model(models_dir, version) / file
        path.unlink()
        os.mkfifo(path)
    link = add_model(models_dir, 8) / models.MODEL_FILE
    link.unlink()
    link.symlink_to(models_dir / "6" / models.MODEL_FILE)
    server = start_server(
        "--models-dir", str(models_dir), "--poll-seconds", "0", "--admin-port", "0"
    )
    with Client(server.address) as client:
        assert client.model().version == "5"
        os.mkfifo(models_dir / "9")
        path = add_model(models_dir, 10) / models.MODEL_FILE
        path.unlink()
        os.mkfifo(path)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "10" in rejected_versions(server.admin_address))
        assert rejected_versions(server.admin_address).keys() == {"6", "7", "8", "10"}
        assert client.recognize(SAMPLES[4]).digit == 4
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE_SECONDS) == 0


def test_a_drawing_goes_on_while_a_model_is_loaded_that_takes_more_memory_than_messages_may(
    start_server: "StartServer", models_dir: Path
) -> None:
    server = start_server(
        *("--models-dir", str(models_dir), "--poll-seconds", "0"),
        *("--threads", "8", "--max-queue-bytes", str(2**24)),
    )
    request = pb.StreamingRecognizeRequest(image=pb.Image(encoded=Path(SAMPLES[4]).read_bytes()))
    requests: queue.Queue[pb.StreamingRecognizeRequest | None] = queue.Queue()
    with (
        Client(server.address) as client,
        grpc.insecure_channel(server.address) as channel,
    ):
        stub: Any = pb_grpc.RecognizerServiceStub(channel)
        responses = stub.StreamingRecognize(iter(requests.get, None), timeout=PATIENCE_SECONDS)
        requests.put(request)
        assert next(responses).predictions[0].digit == 4
        add_model(models_dir, 6)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: client.model().version == "6")
        for sequence in range(1, 20):
            requests.put(pb.StreamingRecognizeRequest(sequence=sequence, image=request.image))
            assert next(responses).predictions[0].model_version == "6"
        requests.put(None)


def rejected_versions(admin_address: str | None) -> dict[str, str]:
    """Return the versions that a server rejects, each with the reason."""
    with urllib.request.urlopen(
        f"http://{admin_address}/readyz", timeout=PATIENCE_SECONDS
    ) as response:
        return dict(json.load(response)["rejected_versions"])


def model_process(server: psutil.Process) -> psutil.Process:
    """Wait for the process in which a server tries a model, and return it."""

    def found() -> list[psutil.Process]:
        return [child for child in server.children() if "digits_server.models" in child.cmdline()]

    wait_until(found)
    return found()[0]


def test_a_server_serves_while_a_model_hangs_and_ends_without_waiting_for_it(
    hanging_environment: dict[str, str], models_dir: Path, hang: Path
) -> None:
    flags = ("--port", "0", "--models-dir", str(models_dir), "--poll-seconds", "0.1")
    with (
        running_server(hanging_environment, *flags) as server,
        Client(server.address) as client,
    ):
        process = psutil.Process(server.process.pid)
        hang.touch()
        add_model(models_dir, 6)
        child = model_process(process)
        for digit, sample in enumerate(SAMPLES):
            assert client.recognize(sample).digit == digit
        assert client.model().version == "5"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert not child.is_running()


@contextmanager
def starting_server(
    environment: dict[str, str], models_dir: Path
) -> Iterator[tuple["subprocess.Popen[bytes]", psutil.Process]]:
    """Start a server whose first model hangs; yield it and the process that tries the model."""
    command = [sys.executable, "-m", "digits_server", "--port", "0", "--models-dir"]
    with subprocess.Popen([*command, str(models_dir)], env=environment) as server:
        try:
            yield server, model_process(psutil.Process(server.pid))
        finally:
            server.kill()


def test_a_server_whose_first_model_hangs_ends_without_waiting_for_it(
    hanging_environment: dict[str, str], models_dir: Path, hang: Path
) -> None:
    hang.touch()
    with starting_server(hanging_environment, models_dir) as (server, child):
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_SECONDS) == 0
        assert not child.is_running()


def test_a_child_process_does_not_outlive_a_killed_server(
    hanging_environment: dict[str, str], models_dir: Path, hang: Path
) -> None:
    hang.touch()
    with starting_server(hanging_environment, models_dir) as (server, child):
        server.kill()
    hang.unlink()
    wait_until(lambda: not child.is_running())


def test_a_vanished_models_folder_is_a_metric(
    start_server: "StartServer", models_dir: Path
) -> None:
    server = start_server(
        "--models-dir", str(models_dir), "--poll-seconds", "0.1", "--admin-port", "0"
    )

    def is_missing() -> bool:
        url = f"http://{server.admin_address}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return "digits_served_model_missing 1.0" in response.read().decode()

    assert not is_missing()
    shutil.move(models_dir, models_dir.with_name("unmounted"))
    wait_until(is_missing)
    with grpc.insecure_channel(server.address) as channel:
        status = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=PATIENCE_SECONDS
        )
    assert status.status == health_pb2.HealthCheckResponse.SERVING
    shutil.move(models_dir.with_name("unmounted"), models_dir)
    wait_until(lambda: not is_missing())


@pytest.mark.parametrize("precision", models.MODEL_FILES)
def test_mutated_models_with_matching_checksums_do_not_stop_a_server(
    environment: dict[str, str], tmp_path: Path, precision: str
) -> None:
    flags = ("--models", "15", "--precision", precision, "--out", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "scripts.fuzz_models", *flags],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "model rejected" in done.stdout
