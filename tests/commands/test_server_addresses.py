"""The addresses that ``digits-server`` listens on: IPv6, Unix sockets, and those it cannot have."""

import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digits.address import join_address
from digits_client import Client
from tests.processes import PATIENCE_SECONDS, SAMPLES, running_server

if TYPE_CHECKING:
    from tests.processes import Run, StartServer

FOREIGN = "203.0.113.7"  # for documentation, RFC 5737
BOTH_WAYS = pytest.mark.parametrize("workers", ["1", "2"])


def last_line(run: "Run", *flags: str) -> str:
    """Return the last line of a server that cannot start."""
    done = run("digits_server", *flags)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@BOTH_WAYS
def test_a_port_in_use_and_a_foreign_address_are_two_sentences(run: "Run", workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        in_use = last_line(run, "--port", port, "--workers", workers)
    assert in_use == f"digits-server: cannot listen on 127.0.0.1:{port}: the port is in use"
    assert last_line(run, "--host", FOREIGN, "--workers", workers) == (
        f"digits-server: cannot listen on {FOREIGN}:50051: "
        "the host is not an address of this machine"
    )


@BOTH_WAYS
def test_the_admin_port_has_the_same_sentence(run: "Run", workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        flags = ("--port", "0", "--admin-port", port, "--workers", workers)
        assert last_line(run, *flags) == (
            f"digits-server: cannot listen on 127.0.0.1:{port}: the port is in use"
        )


def test_an_unknown_host_name_is_a_sentence(run: "Run") -> None:
    assert last_line(run, "--host", "nowhere.invalid") == (
        "digits-server: cannot listen on nowhere.invalid:50051: the host name is unknown"
    )


@BOTH_WAYS
@pytest.mark.parametrize("host", ["127..0.0.1", "x" * 64])
def test_a_host_that_cannot_be_looked_up_is_a_usage_error(
    run: "Run", host: str, workers: str
) -> None:
    done = run("digits_server", "--host", host, "--workers", workers)
    assert done.returncode == 2
    assert done.stderr == (
        f"digits-server: error: --host: '{host}' is not a host name or address; "
        "see digits-server --help\n"
    )


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_addresses_of_a_server_on_ipv6_are_addresses_for_clients(
    host: str, start_server: "StartServer", run: "Run"
) -> None:
    server = start_server("--host", host, "--admin-port", "0")
    assert server.admin_address is not None
    for address in (server.address, server.admin_address):
        assert address.startswith("[::1]:")
        assert run("digits_server", "healthcheck", address).returncode == 0
    with Client(server.address) as client:
        assert client.recognize(SAMPLES[3]).digit == 3


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "0.0.0.0"])
@BOTH_WAYS
def test_both_ports_of_a_server_on_all_addresses_are_reached_by_ipv4_and_ipv6(
    host: str, workers: str, start_server: "StartServer", run: "Run"
) -> None:
    server = start_server("--host", host, "--admin-port", "0", "--workers", workers)
    assert server.admin_address is not None
    for address in (server.address, server.admin_address):
        bound_host, _, port = address.rpartition(":")
        assert bound_host == join_address(host, 0).removesuffix(":0")
        for loopback in ("127.0.0.1", "[::1]"):
            assert run("digits_server", "healthcheck", f"{loopback}:{port}").returncode == 0


def test_a_server_on_a_unix_socket_serves_and_removes_it(
    tmp_path: Path, start_server: "StartServer", run: "Run"
) -> None:
    path = tmp_path / "with space.sock"
    server = start_server("--host", f"unix:{path}", "--admin-port", "0")
    assert server.address == f"unix:{tmp_path}/with%20space.sock"
    assert server.admin_address is not None
    for address in (server.address, server.admin_address):
        assert run("digits_server", "healthcheck", address).stdout == f"{address}: SERVING\n"
    with Client(server.address) as client:
        assert client.recognize(SAMPLES[3]).digit == 3
    server.process.terminate()
    _, log = server.process.communicate(timeout=PATIENCE_SECONDS)
    assert server.process.returncode == 0
    assert "disabled" not in log
    assert not path.exists()


def test_a_socket_in_use_is_refused_and_that_of_a_killed_server_replaced(
    tmp_path: Path, environment: dict[str, str], run: "Run"
) -> None:
    path = tmp_path / "digits.sock"
    host = ("--host", f"unix:{path}")
    with running_server(environment, *host) as server:
        assert last_line(run, *host) == (
            f"digits-server: cannot listen on unix:{path}: another server listens there"
        )
        assert run("digits_server", "healthcheck", server.address).returncode == 0
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(PATIENCE_SECONDS)
    assert path.is_socket()
    with running_server(environment, *host) as server, Client(server.address) as client:
        assert client.recognize(SAMPLES[3]).digit == 3


def test_a_server_that_cannot_start_leaves_no_unix_socket(tmp_path: Path, run: "Run") -> None:
    path = tmp_path / "digits.sock"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        last_line(run, "--host", f"unix:{path}", "--admin-port", port)
    assert not path.exists()


def test_a_file_a_missing_folder_and_a_long_path_are_sentences(tmp_path: Path, run: "Run") -> None:
    file = tmp_path / "file"
    file.write_text("content")
    for path, reason in (
        (file, f"{file} is a file that is not a socket"),
        (tmp_path / "missing" / "socket", "No such file or directory"),
        (tmp_path / ("x" * 120), "AF_UNIX path too long"),
    ):
        assert last_line(run, "--host", f"unix:{path}") == (
            f"digits-server: cannot listen on unix:{path}: {reason}"
        )
    assert file.read_text() == "content"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost", "'localhost' has no port: use localhost:50051"),
        ("http://localhost:7", "'http://localhost:7' is not a host and port: use localhost:7"),
        ("localhost:70000", "'localhost:70000' is not a valid address: ports are 1 to 65535"),
    ],
)
def test_a_health_check_of_an_address_that_cannot_be_one_is_a_usage_error(
    run: "Run", address: str, reason: str
) -> None:
    done = run("digits_server", "healthcheck", address)
    assert done.returncode == 2
    assert done.stderr == (
        f"digits-server healthcheck: error: argument ADDRESS: {reason}; "
        "see digits-server healthcheck --help\n"
    )
