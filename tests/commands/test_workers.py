"""Two workers on one port, watched from outside."""

import contextlib
import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import psutil
import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_client.embedded import embedded_server
from tests.commands.load import Load
from tests.processes import PATIENCE_SECONDS, SAMPLES, add_model, ready_addresses, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess, StartServer

MAX_CONNECTIONS = 100
BOTH = {"0", "1"}
IMAGE = pb.Image(encoded=Path(SAMPLES[3]).read_bytes())


class TwoWorkers:
    """A server with two workers."""

    def __init__(self, server: "ServerProcess") -> None:
        assert server.admin_address is not None
        self.process = server.process
        self.address = server.address
        self.admin_address = server.admin_address
        self.supervisor = psutil.Process(server.process.pid)

    @property
    def workers(self) -> list[psutil.Process]:
        return self.supervisor.children()

    def ready_workers(self) -> set[str]:
        """Return the numbers of the workers that are ready."""
        pages = json.loads(self.page("/readyz"))["workers"]
        return {number for number, page in pages.items() if page["status"] == "SERVING"}

    def metric(self, name: str) -> dict[str, float]:
        """Return the sum of a metric's values, by worker."""
        values: dict[str, float] = {}
        for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", self.page("/metrics"), re.M):
            worker = re.search(r'worker="(\d+)"', labels)[1]  # type: ignore[index]
            values[worker] = values.get(worker, 0) + float(value)
        return values

    def page(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.admin_address, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    @contextlib.contextmanager
    def channel_to_each(self) -> Iterator[dict[str, grpc.Channel]]:
        """Connect again and again until each worker has a connection; yield one to each."""
        with contextlib.ExitStack() as stack:
            channels: dict[str, grpc.Channel] = {}
            for _ in range(MAX_CONNECTIONS):
                # gRPC shares a connection between equal channels unless told otherwise.
                channel = stack.enter_context(
                    grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
                )
                before = self.metric("digits_calls_total")
                pb_grpc.RecognizerServiceStub(channel).GetModel(
                    pb.GetModelRequest(), timeout=PATIENCE_SECONDS
                )
                after = self.metric("digits_calls_total")
                [worker] = [number for number in after if after[number] != before.get(number, 0)]
                channels[worker] = channel
                if channels.keys() == BOTH:
                    yield channels
                    return
        raise AssertionError(f"all {MAX_CONNECTIONS} connections went to {channels.keys()}")


StartTwoWorkers = Callable[..., TwoWorkers]


@pytest.fixture
def start_two_workers(start_server: "StartServer") -> Iterator[StartTwoWorkers]:
    """Starts servers with two workers; kills the workers after the test."""
    processes: list[psutil.Process] = []

    def start(*flags: str) -> TwoWorkers:
        server = TwoWorkers(start_server("--workers", "2", "--admin-port", "0", *flags))
        processes.extend(server.workers)
        return server

    yield start
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def server(start_two_workers: StartTwoWorkers) -> TwoWorkers:
    return start_two_workers()


def test_both_workers_serve_one_port_and_the_admin_port_covers_both(
    server: TwoWorkers, run: "Run"
) -> None:
    request = pb.RecognizeRequest(image=IMAGE)
    with server.channel_to_each() as channels:
        before = server.metric("digits_verdicts_total")
        for number, channel in channels.items():
            stub = pb_grpc.RecognizerServiceStub(channel)
            for _ in range(3 + int(number)):
                response = stub.Recognize(request, timeout=PATIENCE_SECONDS)
                assert response.predictions[0].digit == 3
        after = server.metric("digits_verdicts_total")
    assert {number: after[number] - before.get(number, 0) for number in after} == {"0": 3, "1": 4}
    assert server.metric("process_resident_memory_bytes").keys() == BOTH
    assert server.ready_workers() == BOTH
    healthcheck = run("digits_server", "healthcheck", server.admin_address)
    assert healthcheck.stdout == f"{server.admin_address}: SERVING\n"


def test_a_killed_worker_is_replaced_and_a_client_that_retries_loses_no_call(
    server: TwoWorkers,
) -> None:
    end_each_worker_under_load(server, psutil.Process.kill)


def test_a_terminated_worker_is_replaced_and_no_call_is_lost(server: TwoWorkers) -> None:
    end_each_worker_under_load(server, psutil.Process.terminate)


def end_each_worker_under_load(server: TwoWorkers, end: Callable[[psutil.Process], None]) -> None:
    load = Load(server.address)
    for worker in server.workers:
        load.wait_for(50)
        end(worker)
        worker.wait(PATIENCE_SECONDS)
        wait_until(lambda: len(server.workers) == 2 and server.ready_workers() == BOTH)
        assert worker not in server.workers
    load.wait_for(100)
    assert all(sent == received for sent, received in load.end())
    with server.channel_to_each():
        pass


def test_calls_in_flight_at_both_workers_finish_before_the_server_stops(
    start_two_workers: StartTwoWorkers,
) -> None:
    server = start_two_workers("--grace-seconds", str(PATIENCE_SECONDS))
    with server.channel_to_each() as channels:
        calls, image_count = keep_busy(server, list(channels.values()))
        workers = server.workers
        server.process.send_signal(signal.SIGTERM)
        assert [len(call.result().results) for call in calls] == [image_count] * 2
    assert server.process.wait(PATIENCE_SECONDS) == 0
    assert not any(worker.is_running() for worker in workers)


def keep_busy(
    server: TwoWorkers, channels: Sequence[grpc.Channel]
) -> tuple[Sequence["grpc.Future[Any]"], int]:
    """Start a call on each channel, and return while both workers work on them.

    If the calls end before they are seen in flight, longer calls follow.

    Returns:
        The calls, and the number of images in each.
    """
    content = io.BytesIO()
    Image.new("L", (2000, 2000), "white").save(content, "PNG")  # small, but slow to decode
    image = pb.Image(encoded=content.getvalue())
    for image_count in (16, 32, 64, 128, 256):
        request = pb.RecognizeBatchRequest(images=[image] * image_count)
        calls = [
            pb_grpc.RecognizerServiceStub(channel).RecognizeBatch.future(
                request, timeout=PATIENCE_SECONDS
            )
            for channel in channels
        ]
        while not any(call.done() for call in calls):
            if server.metric("digits_images_in_hand") == {"0": image_count, "1": image_count}:
                return calls, image_count
    raise AssertionError("the calls ended before they were seen in flight")


def test_a_service_manager_may_signal_every_process(start_two_workers: StartTwoWorkers) -> None:
    server = start_two_workers("--drain-seconds", "3")  # long enough for two calls on any machine
    with server.channel_to_each() as channels:
        for process in (*server.workers, server.supervisor):  # as systemd does
            process.terminate()
        for channel in channels.values():
            pb_grpc.RecognizerServiceStub(channel).Recognize(
                pb.RecognizeRequest(image=IMAGE), timeout=PATIENCE_SECONDS
            )
    _, log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 0
    assert log.count("digits_server.app: stopped") == 2
    assert "restarting" not in log


def test_a_signal_after_the_end_of_standard_input_does_not_count_as_the_second(
    environment: dict[str, str],
) -> None:
    flags = ("--port", "0", "--until-stdin-ends", "--drain-seconds", "1")
    with subprocess.Popen(
        [sys.executable, "-m", "digits_server", *flags],
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        ready_addresses(process.stderr)
        process.stdin.close()
        assert process.stderr.readline().endswith("stopping; new calls are accepted for 1 s\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_second_signal_ends_every_process_at_once(start_two_workers: StartTwoWorkers) -> None:
    server = start_two_workers("--drain-seconds", "3600")
    workers = server.workers
    server.supervisor.terminate()
    wait_until(lambda: not server.ready_workers())
    server.supervisor.terminate()
    assert server.process.wait(PATIENCE_SECONDS) == 1
    gone, alive = psutil.wait_procs(workers, PATIENCE_SECONDS)
    assert (len(gone), alive) == (2, [])


def test_a_stopped_worker_is_replaced_and_counted(server: TwoWorkers) -> None:
    stopped, other = server.workers
    with Client(server.address) as client:
        stopped.suspend()
        wait_until(lambda: not stopped.is_running())
        wait_until(lambda: server.ready_workers() == BOTH)
        assert client.recognize(SAMPLES[3]).digit == 3
    assert other in server.workers
    assert sum(server.metric("digits_worker_restarts_total").values()) == 1
    assert 'reason="unresponsive",worker="' in server.page("/metrics")


def test_a_worker_that_cannot_drain_is_killed_at_the_end_of_the_grace(
    start_two_workers: StartTwoWorkers,
) -> None:
    server = start_two_workers("--grace-seconds", "0.5")
    workers = server.workers
    workers[0].suspend()
    server.process.send_signal(signal.SIGTERM)
    _, log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 1
    assert re.search(r"worker \d has not stopped after 5.5 s", log)
    assert re.search(r"worker \d was killed by SIGKILL", log)
    assert not any(worker.is_running() for worker in workers)


def test_sigterm_ends_a_server_whose_worker_hangs_while_it_starts(
    environment: dict[str, str],
) -> None:
    command = [sys.executable, "-m", "digits_server", "--port", "0", "--workers", "2"]
    with subprocess.Popen(
        [*command, "--grace-seconds", "0.5"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        supervisor = psutil.Process(process.pid)
        wait_until(supervisor.children)
        [worker] = supervisor.children()
        # Before, it is a copy of the supervisor, which waits for it to become another program.
        wait_until(lambda: "digits_server.workers" in worker.cmdline())
        worker.suspend()
        supervisor.terminate()
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0  # no call was lost
        assert "worker 0 was killed by SIGKILL before it was ready" in log
        assert not worker.is_running()


def test_a_killed_supervisor_leaves_no_worker_behind(server: TwoWorkers) -> None:
    workers = server.workers
    server.supervisor.kill()
    gone, alive = psutil.wait_procs(workers, PATIENCE_SECONDS)
    assert (len(gone), alive) == (2, [])


@pytest.mark.parametrize("first", ["1", "2"])
def test_a_port_in_use_is_an_error_whatever_the_numbers_of_workers(
    first: str, start_server: "StartServer", run: "Run"
) -> None:
    server = start_server("--workers", first)
    for second in ("1", "2"):
        done = run("digits_server", "--port", server.port, "--workers", second)
        assert done.returncode == 1
        errors = [line for line in done.stderr.splitlines() if line.startswith("digits-server: ")]
        assert errors == [f"digits-server: cannot listen on {server.address}: the port is in use"]
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_another_program_offers_to_share_counts_as_in_use(
    workers: str, run: "Run"
) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        done = run("digits_server", "--port", str(port), "--workers", workers)
    assert done.returncode == 1
    assert "the port is in use" in done.stderr


def test_an_admin_port_in_use_is_an_error_before_any_worker_starts(run: "Run") -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("digits_server", "--port", "0", "--workers", "2", "--admin-port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"digits-server: cannot listen on 127.0.0.1:{port}: ")


def test_an_error_that_all_workers_have_is_reported_once_and_ends_the_server(run: "Run") -> None:
    done = run("digits_server", "--port", "0", "--workers", "2", "--models-dir", "samples/odd")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("digits-server: ") == 1
    assert done.stderr.startswith("digits-server: samples/odd contains no models")
    assert "ready on" not in done.stderr


def test_sighup_makes_every_worker_look_for_models(
    start_two_workers: StartTwoWorkers, models_dir: Path
) -> None:
    server = start_two_workers("--models-dir", str(models_dir), "--poll-seconds", "0")
    assert server.metric("digits_model_version") == {"0": 5, "1": 5}
    add_model(models_dir, 6)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.metric("digits_model_version") == {"0": 6, "1": 6})


def test_an_embedded_server_can_have_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "2")
    others = set(psutil.Process().children())
    with embedded_server() as address:
        [server] = set(psutil.Process().children()) - others
        workers = server.children()
        assert len(workers) == 2
        for worker in workers:
            listening = {
                connection.laddr.port
                for connection in worker.net_connections()
                if connection.status == psutil.CONN_LISTEN
            }
            assert int(address.rpartition(":")[2]) in listening
        with Client(address) as client:
            assert client.recognize(SAMPLES[3]).digit == 3
    assert not any(process.is_running() for process in (server, *workers))
