"""``digits-server``: start, health check, stop, and wrong usage."""

import dataclasses
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits_client import Client
from digits_server import models
from digits_server.settings import SHIPPED_MODELS
from tests.processes import PATIENCE_SECONDS, SAMPLES, free_port, running_server, wait_until

if TYPE_CHECKING:
    from tests.processes import Run, ServerProcess


def test_a_server_that_logs_ready_accepts_calls(shared_server: "ServerProcess") -> None:
    with Client(shared_server.address) as client:
        assert client.recognize(SAMPLES[3]).digit == 3


def test_the_default_host_is_the_loopback_address(shared_server: "ServerProcess") -> None:
    assert shared_server.address == f"127.0.0.1:{shared_server.port}"
    assert shared_server.port != "0"


def test_healthcheck_exits_0_while_the_server_runs_and_1_after_it_has_stopped(
    server: "ServerProcess", run: "Run"
) -> None:
    while_serving = run("digits_server", "healthcheck", server.address)
    assert (while_serving.returncode, while_serving.stderr) == (0, "")
    assert while_serving.stdout == f"{server.address}: SERVING\n"
    server.process.terminate()
    server.process.wait(PATIENCE_SECONDS)
    when_gone = run("digits_server", "healthcheck", server.address)
    assert (when_gone.returncode, when_gone.stdout) == (1, "")
    assert when_gone.stderr == f"digits-server: no server is listening at {server.address}\n"


@pytest.mark.parametrize("flag", ["--client-cert", "--client-key"])
def test_healthcheck_needs_a_certificate_and_its_key_together(flag: str, run: "Run") -> None:
    done = run("digits_server", "healthcheck", flag, "file.pem")
    assert done.returncode == 2
    assert "--client-cert and --client-key must be set together" in done.stderr


def test_healthcheck_names_a_missing_file(run: "Run") -> None:
    done = run("digits_server", "healthcheck", "--tls-ca", "nowhere.pem")
    assert done.returncode == 1
    assert done.stderr == ("digits-server: nowhere.pem cannot be read: No such file or directory\n")


def test_healthcheck_can_check_one_service(shared_server: "ServerProcess", run: "Run") -> None:
    healthcheck = ("digits_server", "healthcheck", shared_server.address, "--service")
    for name in ("liveness", "readiness", "digits.v1.RecognizerService"):
        assert run(*healthcheck, name).returncode == 0
    done = run(*healthcheck, "none")
    assert (done.returncode, "NOT_FOUND" in done.stderr) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_with_status_0(
    server: "ServerProcess", number: signal.Signals
) -> None:
    server.process.send_signal(number)
    _, rest_of_log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 0
    assert [line.rpartition(": ")[2] for line in rest_of_log.splitlines()] == [
        *("stopping", "stopped")
    ]


def test_a_second_server_on_the_same_port_exits_1_with_one_line(
    shared_server: "ServerProcess", run: "Run"
) -> None:
    address = shared_server.address
    second = run("digits_server", "--port", shared_server.port, "--log-level", "error")
    assert second.returncode == 1
    errors = [line for line in second.stderr.splitlines() if line.startswith("digits-server: ")]
    assert errors == [f"digits-server: cannot listen on {address}: the port is in use"]
    assert "Traceback" not in second.stderr


def test_a_folder_without_models_exits_1_with_one_line(run: "Run") -> None:
    done = run("digits_server", "--port", "0", "--models-dir", "samples/odd")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "digits-server: samples/odd contains no models: "
        "none of its folders is named by a version number\n"
    )


def test_a_server_that_cannot_start_a_process_exits_1_with_one_line(
    environment: dict[str, str],
) -> None:
    program = (
        "import sys; from digits_server.cli import main; "
        "sys.executable = '/does-not-exist'; "
        "sys.exit(main(['--port', '0', '--log-level', 'error']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "digits-server: a decoding process cannot be started: No such file or directory\n"
    )


def closing(streams: str, *flags: str) -> list[str]:
    """Return the command of a server that is started with closed standard streams."""
    command = (sys.executable, "-m", "digits_server", "--until-stdin-ends", *flags)
    return ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", *command]


@pytest.mark.parametrize(("workers", "streams"), [("1", ">&-"), ("1", "2>&-"), ("2", ">&- 2>&-")])
def test_a_server_whose_output_is_closed_serves_until_its_input_ends(
    workers: str, streams: str, environment: dict[str, str], models_dir: Path, run: "Run"
) -> None:
    port = str(free_port())
    flags = ("--port", port, "--workers", workers, "--models-dir", str(models_dir))
    with subprocess.Popen(
        closing(streams, *flags), env=environment, stdin=subprocess.PIPE
    ) as process:
        try:
            wait_until(
                lambda: (
                    process.poll() is not None
                    or run("digits_server", "healthcheck", f"127.0.0.1:{port}").returncode == 0
                )
            )
            process.communicate(timeout=PATIENCE_SECONDS)  # closes the input
        finally:
            process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_whose_input_is_closed_ends_at_once(
    workers: str, environment: dict[str, str]
) -> None:
    command = closing("<&- >&- 2>&-", "--port", "0", "--workers", workers)
    done = subprocess.run(command, env=environment, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("ADDRESS", r"'\udcff' is not a valid address: use host:port"),
        ("--service", r"'\udcff' is not UTF-8"),
        ("--tls-server-name", r"'\udcff' is not UTF-8"),
    ],
)
def test_an_argument_of_healthcheck_that_is_not_utf8_is_a_usage_error(
    argument: str, reason: str, run: "Run"
) -> None:
    flags = [argument] if argument.startswith("-") else []
    done = run("digits_server", "healthcheck", *flags, "\udcff")
    assert done.returncode == 2
    assert done.stderr == (
        f"digits-server healthcheck: error: argument {argument}: {reason}; "
        "see digits-server healthcheck --help\n"
    )


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--port", "abc"), ("--port", "65536"), ("--threads", "0"), ("--log-level", "loud")],
)
def test_an_invalid_flag_value_exits_2_and_names_the_flag(
    flag: str, value: str, run: "Run"
) -> None:
    done = run("digits_server", flag, value)
    assert done.returncode == 2
    assert f"digits-server: error: {flag}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_invalid_variable_exits_2_and_names_the_variable(run: "Run") -> None:
    done = run("digits_server", DIGITS_PORT="abc")
    assert done.returncode == 2
    assert "digits-server: error: DIGITS_PORT: 'abc' is not a whole number" in done.stderr


def test_a_flag_overrides_an_invalid_variable(run: "Run") -> None:
    done = run("digits_server", "--port", "0", "--models-dir", "samples/odd", DIGITS_PORT="abc")
    assert done.returncode == 1


def test_a_server_in_int8_recognizes_digits_and_reports_its_precision(
    environment: dict[str, str],
) -> None:
    with (
        running_server(environment | {"DIGITS_PRECISION": "int8"}, "--port", "0") as server,
        Client(server.address) as client,
    ):
        assert client.model().precision == "int8"
        assert [client.recognize(image).digit for image in SAMPLES] == list(range(10))


def test_a_folder_without_a_file_for_int8_exits_1_with_one_line(run: "Run", tmp_path: Path) -> None:
    [version] = models.versions(SHIPPED_MODELS)
    folder = Path(shutil.copytree(SHIPPED_MODELS / str(version), tmp_path / str(version)))
    manifest = models.Manifest.read(folder)
    files = {models.MODEL_FILE: manifest.files[models.MODEL_FILE]}
    dataclasses.replace(manifest, files=files).write(folder)
    done = run("digits_server", "--models-dir", str(tmp_path), "--precision", "int8")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"digits-server: {folder} has no model.int8.tflite, so it cannot be served in int8"
    )
