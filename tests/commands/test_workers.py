"""Several processes on one port, watched from outside."""

import contextlib
import http.client
import io
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits.v1 import recognizer_pb2_grpc as pb_grpc
from digits_client import Client
from digits_client.cli.embedded import embedded_server
from digits_server.settings import TRANSPORTS
from tests.commands.conftest import address_in
from tests.commands.load import PATIENCE_SECONDS, Load, add_model, until

if TYPE_CHECKING:
    from tests.commands.conftest import Run, ServerProcess, Start

MOST_CONNECTIONS = 100


class Crew:
    """A server of two workers, with what can be seen of it."""

    def __init__(self, server: "ServerProcess", admin: str) -> None:
        self.server = server
        self.address = server.address
        self.admin = admin
        self.supervisor = psutil.Process(server.process.pid)

    @property
    def workers(self) -> list[psutil.Process]:
        return self.supervisor.children()

    def ready_workers(self) -> set[str]:
        pages = json.loads(self._page("/readyz"))["workers"]
        return {number for number, page in pages.items() if page["status"] == "SERVING"}

    def metric(self, name: str) -> dict[str, float]:
        """Return the sum of a metric's values, worker by worker."""
        values: dict[str, float] = {}
        for labels, value in re.findall(rf"^{name}{{(.*)}} (\S+)$", self._page("/metrics"), re.M):
            worker = re.search(r'worker="(\d+)"', labels)[1]  # type: ignore[index]
            values[worker] = values.get(worker, 0) + float(value)
        return values

    def _page(self, path: str) -> str:
        connection = http.client.HTTPConnection(self.admin, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    @contextlib.contextmanager
    def a_channel_to_each(self) -> Iterator[dict[str, grpc.Channel]]:
        """Connect until there is a connection to each worker."""
        with contextlib.ExitStack() as channels:
            found: dict[str, grpc.Channel] = {}
            for _ in range(MOST_CONNECTIONS):
                # A connection of its own: gRPC shares one between channels that are made alike.
                to_one = channels.enter_context(
                    grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
                )
                before = self.metric("digits_calls_total")
                pb_grpc.RecognizerServiceStub(to_one).GetModel(pb.GetModelRequest(), timeout=10)
                after = self.metric("digits_calls_total")
                [worker] = [one for one in after if after[one] != before.get(one, 0)]
                found[worker] = to_one
                if len(found) == 2:
                    yield found
                    return
        raise AssertionError(f"of {MOST_CONNECTIONS} connections all went to {set(found)}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


StartCrew = Callable[..., Crew]


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> str:
    """That of the workers, who know nothing of it but for the few tests that name one."""
    return str(getattr(request, "param", "grpc"))


@pytest.fixture
def start_crew(start: "Start") -> Iterator[StartCrew]:
    processes = []

    def start_crew(*flags: str) -> Crew:
        admin = free_port()
        crew = Crew(
            start("--workers", "2", "--admin-port", str(admin), *flags), f"127.0.0.1:{admin}"
        )
        processes.extend(crew.workers)
        return crew

    yield start_crew
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture
def crew(start_crew: StartCrew) -> Crew:
    return start_crew()


@pytest.mark.parametrize("transport", TRANSPORTS, indirect=True)
def test_both_answer_on_one_port_and_the_metrics_are_those_of_both(crew: Crew, run: "Run") -> None:
    with crew.a_channel_to_each() as channels:
        before = crew.metric("digits_verdicts_total")
        request = pb.RecognizeRequest(
            image=pb.Image(encoded=Path("samples/3/marker.png").read_bytes())
        )
        for number, to_it in channels.items():
            stub = pb_grpc.RecognizerServiceStub(to_it)
            for _ in range(3 + int(number)):
                assert stub.Recognize(request, timeout=10).predictions[0].digit == 3
        after = crew.metric("digits_verdicts_total")
    assert {one: after[one] - before.get(one, 0) for one in after} == {"0": 3, "1": 4}
    assert crew.metric("process_resident_memory_bytes").keys() == {"0", "1"}
    assert crew.ready_workers() == {"0", "1"}
    assert run("digits_server", "healthcheck", crew.admin).stdout == f"{crew.admin}: SERVING\n"


@pytest.mark.parametrize("transport", TRANSPORTS, indirect=True)
def test_a_worker_that_is_killed_is_replaced_and_who_asks_again_loses_no_answer(
    crew: Crew,
) -> None:
    end_one_after_the_other(crew, psutil.Process.kill)


def test_a_worker_that_is_asked_to_end_is_replaced_and_no_call_is_lost(crew: Crew) -> None:
    end_one_after_the_other(crew, psutil.Process.terminate)


def end_one_after_the_other(crew: Crew, end: Callable[[psutil.Process], None]) -> None:
    load = Load(crew.address)
    for worker in crew.workers:
        load.wait_for(50)
        end(worker)
        worker.wait(PATIENCE_SECONDS)
        until(lambda: len(crew.workers) == 2 and crew.ready_workers() == {"0", "1"})
        assert worker not in crew.workers
    load.wait_for(100)
    assert all(asked == answered for asked, answered in load.end())
    with crew.a_channel_to_each():
        pass


@pytest.mark.parametrize("transport", TRANSPORTS, indirect=True)
def test_calls_in_flight_at_both_are_answered_when_it_is_asked_to_end(
    start_crew: StartCrew,
) -> None:
    crew = start_crew("--grace-seconds", str(PATIENCE_SECONDS))
    # Quickly sent, and decoded for longer than it takes to see that both have them.
    content = io.BytesIO()
    Image.new("L", (3000, 3000), "white").save(content, "PNG")
    request = pb.RecognizeBatchRequest(images=[pb.Image(encoded=content.getvalue())] * 20)
    with crew.a_channel_to_each() as channels:
        calls = [
            pb_grpc.RecognizerServiceStub(to_it).RecognizeBatch.future(
                request, timeout=PATIENCE_SECONDS
            )
            for to_it in channels.values()
        ]
        until(lambda: crew.metric("digits_images_in_hand") == {"0": 20, "1": 20})
        workers = crew.workers
        crew.server.process.send_signal(signal.SIGTERM)
        assert [len(call.result().results) for call in calls] == [20, 20]
    assert crew.server.process.wait(PATIENCE_SECONDS) == 0
    assert not any(worker.is_running() for worker in workers)


def test_all_processes_of_a_service_may_get_the_signal(start_crew: StartCrew) -> None:
    crew = start_crew("--drain-seconds", "1")
    with Client(crew.address) as client:
        for process in (*crew.workers, crew.supervisor):  # as systemd does
            process.terminate()
        assert client.recognize("samples/3/marker.png").digit == 3  # while it drains
    _, log = crew.server.process.communicate(timeout=PATIENCE_SECONDS)
    assert crew.server.process.returncode == 0
    assert log.count("digits_server.app: stopped") == 2
    assert "anew" not in log


def test_a_signal_after_the_end_of_standard_input_is_not_a_second_one(
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
        address_in(process.stderr)
        process.stdin.close()
        assert process.stderr.readline().endswith("stopping\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_second_signal_ends_all_at_once(start_crew: StartCrew) -> None:
    crew = start_crew("--drain-seconds", "3600")
    workers = crew.workers
    crew.supervisor.terminate()
    until(lambda: not crew.ready_workers())
    crew.supervisor.terminate()
    assert crew.server.process.wait(PATIENCE_SECONDS) == 1
    gone, alive = psutil.wait_procs(workers, PATIENCE_SECONDS)
    assert (len(gone), alive) == (2, [])


def test_a_supervisor_that_is_killed_leaves_no_worker_behind(crew: Crew) -> None:
    workers = crew.workers
    crew.supervisor.kill()
    gone, alive = psutil.wait_procs(workers, PATIENCE_SECONDS)
    assert (len(gone), alive) == (2, [])


@pytest.mark.parametrize("first", ["1", "2"])
@pytest.mark.parametrize("second", ["1", "2"])
def test_a_port_in_use_is_an_error_however_many_workers_each_has(
    first: str, second: str, start: "Start", run: "Run"
) -> None:
    server = start("--workers", first)
    done = run("digits_server", "--port", server.port, "--workers", second)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("digits-server: ")] == [
        f"digits-server: cannot listen on {server.address}: it is in use or not an address here"
    ]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_another_program_would_share_is_in_use(workers: str, run: "Run") -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        done = run("digits_server", "--port", str(port), "--workers", workers)
    assert done.returncode == 1
    assert "it is in use" in done.stderr


def test_an_admin_port_in_use_is_an_error_and_no_worker_is_started(run: "Run") -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("digits_server", "--port", "0", "--workers", "2", "--admin-port", str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"digits-server: cannot listen on 127.0.0.1:{port}: ")


def test_what_keeps_workers_from_serving_is_said_once_and_ends_the_server(run: "Run") -> None:
    done = run("digits_server", "--port", "0", "--workers", "2", "--models-dir", "samples/odd")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("digits-server: ") == 1
    assert done.stderr.startswith("digits-server: samples/odd holds no model")
    assert "ready on" not in done.stderr


def test_each_looks_for_models_when_the_server_is_told_to(
    start_crew: StartCrew, models_dir: Path
) -> None:
    crew = start_crew("--models-dir", str(models_dir), "--poll-seconds", "0")
    assert crew.metric("digits_model_version") == {"0": 5, "1": 5}
    add_model(models_dir, 6)
    crew.server.process.send_signal(signal.SIGHUP)
    until(lambda: crew.metric("digits_model_version") == {"0": 6, "1": 6})


def test_a_private_server_may_have_workers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "2")
    with embedded_server() as address:
        [server] = psutil.Process().children()
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
            assert client.recognize("samples/3/marker.png").digit == 3
    assert not any(process.is_running() for process in (server, *workers))
