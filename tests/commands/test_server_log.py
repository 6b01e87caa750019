"""Standard error of ``digits-server`` holds its log and nothing else."""

import io
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from digits_client import Client
from tests.processes import PATIENCE_SECONDS, running_server

if TYPE_CHECKING:
    from tests.processes import Run

CONFIGURE = "from digits_server.ops import logs; logs.configure('INFO', 'json'); "


def entries(log: str) -> list[dict[str, Any]]:
    """Return the entries of a log, of which each line is a JSON object."""
    found = [json.loads(line) for line in log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= entry.keys() for entry in found)
    return found


def photo() -> bytes:
    """Return an image that is decoded in a process of its own."""
    content = io.BytesIO()
    Image.fromarray(np.full((300, 300), 255, np.uint8)).save(content, "JPEG")
    return content.getvalue()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_line_is_json_from_the_first_to_the_last(
    environment: dict[str, str], models_dir: Path, tmp_path: Path, workers: str
) -> None:
    flags = ("--port", "0", "--admin-port", "0", "--workers", workers, "--log-format", "json")
    log = tmp_path / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "digits_server", "--until-stdin-ends", *flags),
                *("--models-dir", str(models_dir)),  # is tried in a process of its own
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            with Client(json.loads(process.stdout.readline())["address"]) as client:
                client.recognize(photo())
            process.stdin.close()
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
    messages = [entry["message"] for entry in entries(log.read_text())]
    assert re.match(r"model \d+ \(float32\) loaded and self-tested in ", messages[0])
    assert messages[-1] == "stopped"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_failed_start_is_json_too(run: "Run", workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        flags = ("--port", port, "--workers", workers, "--log-format", "json")
        done = run("digits_server", *flags)
    assert done.returncode == 1
    last = entries(done.stderr)[-1]
    assert last["message"] == f"cannot listen on 127.0.0.1:{port}: the port is in use"
    assert last["level"] == "ERROR"


def test_a_client_that_does_not_speak_grpc_leaves_no_line_of_the_library(
    environment: dict[str, str],
) -> None:
    flags = ("--port", "0", "--log-format", "json")
    with running_server(environment, *flags) as server:
        host, _, port = server.address.rstrip('"}').rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while client.recv(4096):
                pass
        server.process.send_signal(signal.SIGTERM)
        _, rest_of_log = server.process.communicate(timeout=PATIENCE_SECONDS)
    entries(rest_of_log)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("1 / 0", "uncaught exception"),
        ("import threading; threading.Thread(target=lambda: 1 / 0, name='x').start()", "thread x "),
        ("type('A', (), {'__del__': lambda self: 1 / 0})()", "Exception ignored in "),
    ],
)
def test_an_exception_that_nothing_catches_is_one_entry(program: str, message: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE + program], capture_output=True, text=True, check=False
    )
    [entry] = entries(done.stderr)
    assert entry["message"].startswith(message)
    assert "ZeroDivisionError" in entry["exception"]


def test_a_library_that_aborts_the_process_leaves_the_stack_of_each_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE + "import os; os.abort()"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.startswith("Fatal Python error: Aborted")


def test_the_log_is_kept_while_native_output_is_discarded() -> None:
    program = CONFIGURE + (
        "import os; from digits_server.native_output import discard_native_output\n"
        "with discard_native_output():\n"
        "    os.write(2, b'native'); logs.logger.info('ours')\n"
        "os.write(2, b'after')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    line, rest = done.stderr.splitlines()
    assert (json.loads(line)["message"], rest) == ("ours", "after")


def test_a_process_without_standard_error_loads_a_model() -> None:
    program = (
        "import os, pathlib; os.close(2); from digits_server.models.engine import LiteRtEngine\n"
        "[file] = pathlib.Path('server/digits_server/shipped_models').glob('*/model.tflite')\n"
        "LiteRtEngine(file.read_bytes(), 1)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
