"""A port is claimed for the sockets that share it, and for no others."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from digits_server.errors import BindError
from digits_server.settings import Settings
from digits_server.workers.port import claimed_port

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def listening(port: int, *, shares: bool) -> Iterator[socket.socket]:
    """Listen like gRPC does."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(shares))
        listener.bind((LOOPBACK, port))
        listener.listen()
        listener.settimeout(5)
        yield listener


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("shares", [True, False])
def test_a_port_in_use_cannot_be_claimed_whether_it_is_shared_or_not(shares: bool) -> None:
    with (
        listening(0, shares=shares) as listener,
        pytest.raises(BindError, match=f"{LOOPBACK}:{port_of(listener)}: the port is in use"),
        claimed_port(Settings(port=port_of(listener))),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost"])
def test_a_port_in_use_on_one_of_several_addresses_cannot_be_claimed(host: str) -> None:
    with (
        listening(0, shares=True) as listener,
        pytest.raises(BindError, match="in use"),
        claimed_port(Settings(host=host, port=port_of(listener))),
    ):
        pass


def test_a_claimed_port_cannot_be_claimed_again_before_any_worker_listens() -> None:
    with (
        claimed_port(Settings(port=0)) as port,
        pytest.raises(BindError),
        claimed_port(Settings(port=port)),
    ):
        pass


def test_a_socket_that_does_not_share_is_refused_before_workers_listen_and_after_they_died() -> (
    None
):
    with claimed_port(Settings(port=0)) as port:
        with pytest.raises(OSError, match="in use"), listening(port, shares=False):
            pass
        with listening(port, shares=True), listening(port, shares=True):
            pass
        with pytest.raises(OSError, match="in use"), listening(port, shares=False):
            pass


def test_connections_reach_the_workers_and_never_the_claim() -> None:
    with claimed_port(Settings(port=0)) as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))
        with listening(port, shares=True) as worker:
            for _ in range(20):
                with socket.create_connection((LOOPBACK, port)):
                    worker.accept()[0].close()


def test_the_port_is_free_after_the_claim_even_if_connections_linger() -> None:
    with claimed_port(Settings(port=0)) as port, listening(port, shares=True) as worker:
        for _ in range(20):
            with socket.create_connection((LOOPBACK, port)) as client:
                worker.accept()[0].close()  # the side that closes first keeps it in TIME_WAIT
                assert client.recv(1) == b""
    with claimed_port(Settings(port=port)) as again:
        assert again == port


def test_a_host_that_is_not_this_machine_is_refused() -> None:
    with (
        pytest.raises(BindError, match="not an address of this machine"),
        claimed_port(Settings(host="192.0.2.1", port=0)),
    ):
        pass
