"""``digits-bench`` against real servers, for fractions of a second."""

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
import pytest

from digits_client import Client
from digits_client.bench.image_kinds import ImageKind, drawn_digits
from digits_client.bench.options import EPILOG

if TYPE_CHECKING:
    from tests.commands.conftest import Run, ServerProcess

BENCH = "digits_client.bench.cli"
SHORT = ("--seconds", "0.4", "--warmup", "0", "--repeats", "1")
ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [line.strip() for line in EPILOG.splitlines() if line.startswith("  digits-bench")]


def measured(run: "Run", file: Path, *arguments: str) -> dict[str, Any]:
    """Run the command, which has to succeed, and return what it wrote."""
    done = run(BENCH, *SHORT, "--json", str(file), *arguments)
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
def test_calls_of_each_kind_are_answered_and_counted(
    run: "Run", server: "ServerProcess", tmp_path: Path, arguments: str
) -> None:
    said = (*arguments.split(), "--server", server.address, "--processes", "2")
    content = measured(run, tmp_path / "a.json", *said)
    assert content["server"]["model_version"]
    result, statuses = content["result"], content["calls_by_status"]
    assert statuses["OK"] > 0
    assert sum(statuses.values()) + result["never_begun"] == result["due"]
    assert sum(content["histogram"]["counts"].values()) == statuses["OK"]
    latency = result["latency_seconds"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"] < 60
    if content["settings"]["kind"] == "batch" and result["goodput_per_second"]:
        assert result["images_per_second"] == pytest.approx(3 * result["goodput_per_second"])


def test_each_drawing_of_a_stream_is_answered_or_superseded(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    said = ("--kind", "stream", "--concurrency", "3", "--rate", "50", "--server", server.address)
    content = measured(run, tmp_path / "a.json", *said)
    statuses = content["calls_by_status"]
    assert statuses.keys() <= {"OK", "SUPERSEDED"}
    assert statuses["OK"] > 0
    assert content["result"]["superseded"] == statuses.get("SUPERSEDED", 0)
    # 3 streams of 50 a second for 0.4 seconds; at the ends there may be one more or less of each.
    assert content["result"]["due"] == pytest.approx(60, abs=3)


def test_without_a_server_a_private_one_is_measured(run: "Run", tmp_path: Path) -> None:
    content = measured(run, tmp_path / "a.json", "--folder", "samples/3")
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


def test_repeats_go_on_until_they_agree_or_are_enough(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    said = ("--server", server.address, "--repeats", "2..4")
    content = measured(run, tmp_path / "a.json", *said)
    is_counted = [repeat["is_counted"] for repeat in content["repeats"]]
    if content["is_stable"]:
        assert is_counted == [*[False] * (len(is_counted) - 2), True, True]
    else:
        assert is_counted == [True] * 4


def test_the_examples_of_the_help_work_in_their_order(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "scans").symlink_to(ROOT / "samples" / "3")
    assert len(EXAMPLES) > 5
    for example in EXAMPLES:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                BENCH,
                *shlex.split(example)[1:],
                *SHORT,
                "--server",
                server.address,
            ],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (example, done.stderr)
    assert json.loads((tmp_path / "before.json").read_text())["settings"]["rate"] == 200
    drawing = ET.parse(tmp_path / "latency.svg").getroot()
    curves = [element.get("class") for element in drawing.iter() if "points" in element.attrib]
    assert curves == ["curve before", "curve now"]


def test_a_comparison_prints_ratios(run: "Run", server: "ServerProcess", tmp_path: Path) -> None:
    measured(run, tmp_path / "a.json", "--server", server.address)
    arguments = (
        "--compare",
        str(tmp_path / "a.json"),
        "--kind",
        "noop",
        "--server",
        server.address,
    )
    done = run(BENCH, *SHORT, *arguments)
    assert done.returncode == 0
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("p50 ms  "))
    assert row.split()[-2] == "x"
    assert "different kind: unary before, noop now" in done.stdout


def test_images_that_fail_exit_1_and_are_named_unless_they_are_allowed(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("a text")
    said = (*SHORT, "--folder", str(tmp_path), "--server", server.address)
    done = run(BENCH, *said)
    assert done.returncode == 1
    assert " INVALID_ARGUMENT, first message: image.encoded is " in done.stdout
    done = run(BENCH, *said, "--kind", "batch", "--images", "2")
    assert done.returncode == 1
    assert " INVALID_ARGUMENT, first message: " in done.stdout
    assert run(BENCH, *said, "--max-errors", "1").returncode == 0


def test_a_server_that_is_not_there_exits_3_with_one_line(run: "Run") -> None:
    with socket.socket() as taken:  # bound, so that nobody else listens, but not listening
        taken.bind(("127.0.0.1", 0))
        done = run(BENCH, *SHORT, "--server", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("digits-bench: ")
    assert done.stderr.count("\n") == 1


def test_what_no_server_accepts_exits_2_before_there_is_a_load(
    run: "Run", server: "ServerProcess", tmp_path: Path
) -> None:
    said = (*SHORT, "--server", server.address)
    done = run(BENCH, *said, "--kind", "batch", "--images", "100000")
    assert done.returncode == 2
    assert "--images: the server accepts at most " in done.stderr
    (tmp_path / "large.png").write_bytes(bytes(3_000_000))
    done = run(BENCH, *said, "--folder", str(tmp_path), "--kind", "batch", "--images", "20")
    assert done.returncode == 2
    assert "a call has 60,000," in done.stderr
    done = run(BENCH, *said, "--compare", str(tmp_path / "missing.json"))
    assert done.returncode == 2
    assert f"cannot read {tmp_path / 'missing.json'}: No such file" in done.stderr
    assert run(BENCH, "--rate", "x").returncode == 2


def test_ctrl_c_prints_what_there_is_and_exits_130(
    server: "ServerProcess", environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    arguments = ["--seconds", "0.5", "--warmup", "0", "--repeats", "100", "--json", str(file)]
    # Where tests run in the background of a shell, what they start would ignore it.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
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
        signal.signal(signal.SIGINT, ours)
    with process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("repeat 1: ")
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does, to all of them
        printed, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "\nrepeat 1 " in printed
    assert "interrupted: the last repeat was cut short" in printed
    content = json.loads(file.read_text())
    assert content["is_interrupted"]
    assert content["calls_by_status"]["OK"] > 0


def test_a_process_of_the_generator_that_ends_is_told_and_leaves_nothing_behind(
    server: "ServerProcess", environment: dict[str, str]
) -> None:
    psutil = pytest.importorskip("psutil")
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
        started = psutil.Process(process.pid).children(recursive=True)
        workers = [one for one in started if "spawn_main" in " ".join(one.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.endswith("digits-bench: a process of the load generator ended\n")
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive
