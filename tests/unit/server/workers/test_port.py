"""A port is claimed for those that share it, and for nobody else."""

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
    """Listen as gRPC does."""
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
def test_a_port_that_somebody_has_is_refused_whether_it_is_shared_or_not(shares: bool) -> None:
    with (
        listening(0, shares=shares) as listener,
        pytest.raises(BindError, match=f"{LOOPBACK}:{port_of(listener)}: the address is in use"),
        claimed_port(Settings(port=port_of(listener))),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost"])
def test_one_address_of_several_is_enough_to_be_in_use(host: str) -> None:
    with (
        listening(0, shares=True) as listener,
        pytest.raises(BindError, match="in use"),
        claimed_port(Settings(host=host, port=port_of(listener))),
    ):
        pass


def test_a_claim_is_refused_while_no_worker_listens_yet() -> None:
    with (
        claimed_port(Settings(port=0)) as port,
        pytest.raises(BindError),
        claimed_port(Settings(port=port)),
    ):
        pass


def test_who_does_not_share_is_refused_before_workers_listen_and_after_they_died() -> None:
    with claimed_port(Settings(port=0)) as port:
        with pytest.raises(OSError, match="in use"), listening(port, shares=False):
            pass
        with listening(port, shares=True), listening(port, shares=True):
            pass
        with pytest.raises(OSError, match="in use"), listening(port, shares=False):
            pass


def test_connections_go_to_the_workers_and_none_to_the_claim() -> None:
    with claimed_port(Settings(port=0)) as port:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, port))
        with listening(port, shares=True) as worker:
            for _ in range(20):
                with socket.create_connection((LOOPBACK, port)):
                    worker.accept()[0].close()


def test_an_end_leaves_the_port_free_also_where_connections_linger() -> None:
    with claimed_port(Settings(port=0)) as port, listening(port, shares=True) as worker:
        for _ in range(20):
            with socket.create_connection((LOOPBACK, port)) as client:
                worker.accept()[0].close()  # it lingers with the one who closes first
                assert client.recv(1) == b""
    with claimed_port(Settings(port=port)) as again:
        assert again == port


def test_a_host_that_is_elsewhere_is_refused() -> None:
    with (
        pytest.raises(BindError, match="not local"),
        claimed_port(Settings(host="192.0.2.1", port=0)),
    ):
        pass
