"""``digits-bench`` against a real server, in runs of less than a second."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import trustme

from digits_client import Client
from digits_client.bench.image_kinds import ImageKind, drawn_digits
from digits_client.bench.parser import EPILOG
from tests.processes import PATIENCE_SECONDS, ROOT

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess

BENCH = "digits_client.bench.cli"
SHORT = ("--seconds", "0.4", "--warmup", "0", "--repeats", "1", "--processes", "1")
# Long enough that calls are made and finish on a machine that is busy with other work.
LONGER = (*SHORT, "--seconds", "0.6")
EXAMPLES = [line.strip() for line in EPILOG.splitlines() if line.startswith("  digits-bench")]


@pytest.fixture(scope="module")
def server(shared_server: "ServerProcess") -> "ServerProcess":
    """One server for all tests here."""
    return shared_server


def measure(run: "Run", file: Path, *arguments: str) -> dict[str, Any]:
    """Run the command, check that it succeeds, and return its report."""
    done = run(BENCH, *LONGER, "--json", str(file), *arguments)
    assert done.returncode == 0, done.stderr
    assert "goodput/s" in done.stdout
    assert "\nresult " in done.stdout
    content: dict[str, Any] = json.loads(file.read_text())
    assert content["result"]["errors"] == {}
    return content


@pytest.mark.parametrize(
    "arguments",
    [
        "--kind unary",
        "--kind unary --image png300 --concurrency 3 --connections 2",
        "--kind unary --rate 40",
        "--kind batch --images 3 --image png28",
        "--kind noop",
    ],
)
def test_calls_of_each_kind_succeed_and_are_counted(
    run: "Run", server: "ServerProcess", tmp_path: Path, arguments: str
) -> None:
    options = (*arguments.split(), "--server", server.address, "--processes", "2")
    content = measure(run, tmp_path / "a.json", *options)
    assert content["server"]["model_version"]
    result, statuses = content["result"], content["calls_by_status"]
    assert statuses["OK"] > 0
    assert sum(statuses.values()) + result["never_begun"] == result["due"]
    assert sum(content["histogram"]["counts"].values()) == statuses["OK"]
    latency = result["latency_seconds"]
    assert (
        0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"] < PATIENCE_SECONDS
    )
    if content["settings"]["kind"] == "batch" and result["goodput_per_second"]:
        assert result["images_per_second"] == pytest.approx(3 * result["goodput_per_second"])


def test_each_drawing_of_a_stream_gets_a_prediction_or_is_superseded(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    options = ("--kind", "stream", "--concurrency", "3", "--rate", "50", "--server", server.address)
    content = measure(run, tmp_path / "a.json", *options)
    statuses = content["calls_by_status"]
    assert statuses.keys() <= {"OK", "SUPERSEDED"}
    assert statuses["OK"] > 0
    assert content["result"]["superseded"] == statuses.get("SUPERSEDED", 0)
    # 3 streams of 50 per second for 0.6 seconds, each with one more or less at the ends. This
    # holds on a busy machine too: drawings that were due but could not be sent are counted.
    assert content["result"]["due"] == pytest.approx(90, abs=3)


def test_without_a_server_a_private_one_is_measured(run: "Run", tmp_path: Path) -> None:
    content = measure(run, tmp_path / "a.json", "--folder", "samples/3")
    assert content["calls_by_status"]["OK"] > 0
    assert content["settings"]["folder"] == "samples/3"


@pytest.mark.parametrize("kind", ImageKind)
def test_drawn_digits_are_recognized_as_what_they_are(
    server: "ServerProcess", kind: ImageKind
) -> None:
    with Client(server.address) as client:
        for digit, image in drawn_digits(kind).items():
            raw = image.raw
            gray = np.frombuffer(raw.data, np.uint8).reshape(raw.height, raw.width)
            assert client.recognize(image.encoded or gray).digit == digit


def test_repeats_go_on_until_they_agree_or_reach_the_maximum(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    options = ("--server", server.address, "--seconds", "0.4", "--repeats", "2..4")
    content = measure(run, tmp_path / "a.json", *options)
    is_counted = [repeat["is_counted"] for repeat in content["repeats"]]
    if content["is_stable"]:
        assert is_counted == [*[False] * (len(is_counted) - 2), True, True]
    else:
        assert is_counted == [True] * 4


def test_the_examples_in_the_help_work_in_order(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "scans").symlink_to(ROOT / "samples" / "3")
    assert len(EXAMPLES) > 5
    for example in EXAMPLES:
        done = subprocess.run(
            [
                *(sys.executable, "-m", BENCH, *shlex.split(example)[1:]),
                *(*SHORT, "--server", server.address),
            ],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (example, done.stderr)
    assert json.loads((tmp_path / "before.json").read_text())["settings"]["rate"] == 200
    drawing = ET.parse(tmp_path / "latency.svg").getroot()
    curves = [element.get("class") for element in drawing.iter() if "points" in element.attrib]
    assert curves == ["curve before", "curve now"]


def test_a_comparison_prints_ratios(run: "Run", server: "ServerProcess", tmp_path: Path) -> None:
    measure(run, tmp_path / "a.json", "--server", server.address)
    options = ("--compare", str(tmp_path / "a.json"), "--kind", "noop", "--server", server.address)
    done = run(BENCH, *LONGER, *options)
    assert done.returncode == 0
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("p50 ms  "))
    assert row.split()[-2] == "x"
    assert "different kind: unary before, noop now" in done.stdout


def test_failed_images_exit_1_with_the_reason_unless_max_errors_allows_them(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("a text")
    options = (*LONGER, "--folder", str(tmp_path), "--server", server.address)
    done = run(BENCH, *options)
    assert done.returncode == 1
    assert " INVALID_ARGUMENT, first message: image.encoded is " in done.stdout
    done = run(BENCH, *options, "--kind", "batch", "--images", "2")
    assert done.returncode == 1
    assert " INVALID_ARGUMENT, first message: " in done.stdout
    assert run(BENCH, *options, "--max-errors", "1").returncode == 0


def test_an_unreachable_server_exits_3_with_one_line(run: "Run") -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(BENCH, *SHORT, "--server", address)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"digits-bench: no server is listening at {address}\n"


def test_processes_are_commanded_where_event_loops_watch_no_pipes(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    # As on Windows. Each process of the load generator runs sitecustomize when it starts.
    (tmp_path / "sitecustomize.py").write_text(
        "import asyncio.selector_events\n"
        "def refuse(*_): raise NotImplementedError\n"
        "asyncio.selector_events.BaseSelectorEventLoop.add_reader = refuse\n"
    )
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    done = run(BENCH, *SHORT, "--server", server.address, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr


def test_a_failed_tls_handshake_exits_3_with_one_line(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca)
    done = run(BENCH, *SHORT, "--server", server.address, "--tls-ca", str(ca))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        f"digits-bench: the server at {server.address} does not use TLS: remove --tls-ca\n"
    )


def test_requests_beyond_the_servers_limits_exit_2_before_any_load(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    options = (*SHORT, "--server", server.address)
    done = run(BENCH, *options, "--kind", "batch", "--images", "100000")
    assert done.returncode == 2
    assert "--images: the server accepts at most " in done.stderr
    (tmp_path / "large.png").write_bytes(bytes(3_000_000))
    done = run(BENCH, *options, "--folder", str(tmp_path), "--kind", "batch", "--images", "20")
    assert done.returncode == 2
    assert "a call has 60,000," in done.stderr
    done = run(BENCH, *options, "--compare", str(tmp_path / "missing.json"))
    assert done.returncode == 2
    assert f"cannot read {tmp_path / 'missing.json'}: No such file" in done.stderr
    assert run(BENCH, "--rate", "x").returncode == 2


def test_ctrl_c_prints_the_results_so_far_and_exits_130(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    arguments = ["--seconds", "0.5", "--warmup", "0", "--repeats", "100", "--json", str(file)]
    # A test run in the background ignores SIGINT, and its children would inherit that.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", BENCH, *arguments, "--server", server.address],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, handler)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("repeat 1: ")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the whole process group
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "\nrepeat 1 " in output
    assert "interrupted: the last repeat was cut short" in output
    content = json.loads(file.read_text())
    assert content["is_interrupted"]
    assert content["calls_by_status"]["OK"] > 0


def test_a_generator_process_that_dies_is_reported_and_no_process_is_left(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    arguments = ["--seconds", "0.5", "--warmup", "0", "--repeats", "100", "--processes", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", BENCH, *arguments, "--server", server.address],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("repeat 1: ")
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1
    assert errors.endswith("digits-bench: a process of the load generator ended\n")
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert not alive
