"""Listening where SO_REUSEADDR would take a port from the server that listens on it."""

import socket
from types import SimpleNamespace

import pytest

from digits_server.ops import listening


@pytest.mark.parametrize(("system", "is_reused"), [("posix", True), ("nt", False)])
def test_only_posix_systems_ignore_connections_of_an_earlier_server(
    system: str, is_reused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "os", SimpleNamespace(name=system))
    with listening.bound_socket(socket.AF_INET, "127.0.0.1", 0) as bound:
        assert bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) == is_reused
