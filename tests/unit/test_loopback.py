"""Addresses whose traffic stays on this machine."""

import pytest

from digits.loopback import is_loopback_address, is_loopback_host


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8", True),
        ("0.0.0.0:1", True),
        ("[::]:1", True),
        ("LocalHost:1", True),
        ("localhost", True),
        ("[::1]:1", True),
        ("::1", True),
        ("dns:///localhost:1", True),
        ("dns:localhost:1", True),
        ("ipv6:[::1]:1", True),
        ("unix:/run/digits,1", True),
        ("unix-abstract:digits", True),
        ("127.0.0.1:1,unix:/run/digits", False),
        ("127.0.0.1:1, 127.0.0.2:1", True),
        ("127.0.0.1:1,10.0.0.1:1", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("127.example:1", False),
        ("localhost.example:1", False),
        ("dns://192.0.2.1/localhost:1", False),
        ("[::2]:1", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine_are_loopback(address: str, *, expected: bool) -> None:
    assert is_loopback_address(address) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("LocalHost", True),
        ("unix:/run/digits", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("digits.example", False),
        ("fe80::1%eth0", False),
    ],
)
def test_only_this_machine_reaches_a_server_on_a_loopback_host(
    host: str, *, expected: bool
) -> None:
    assert is_loopback_host(host) is expected
