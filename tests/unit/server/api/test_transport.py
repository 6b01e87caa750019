"""Choosing the gRPC server."""

import sys

import pytest

from digits_server.api.transport import make_server
from digits_server.errors import TransportError
from digits_server.settings import Settings


def test_a_transport_that_is_not_installed_is_an_error_with_the_command_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "digits_server.api.native", raising=False)
    monkeypatch.setitem(sys.modules, "pygrpc_native", None)
    with pytest.raises(TransportError, match=r"pip install 'digits\[fast\]'"):
        make_server(Settings(transport="native"), [], shares_port=False)
