"""What gRPC is told of the servers that a person names."""

import pytest

from digits_client.addresses import Target, is_loopback, target


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "[::1]:50051",
        "digits.example:50051",
        "localhost",
        "dns:///digits.example:50051",
        "unix:/run/a,b",
        "ipv4:10.0.0.1:1",
        "",
    ],
)
@pytest.mark.parametrize("has_tls", [False, True])
def test_one_server_stays_as_it_is_named(address: str, *, has_tls: bool) -> None:
    assert target(address, has_tls=has_tls) == Target(address)


@pytest.mark.parametrize(
    ("address", "uri", "first"),
    [
        ("10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1"),
        (" 10.0.0.1:1 , 10.0.0.2:2 ", "ipv4:10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2", "10.0.0.1:1"),
        ("[::1]:1,[FE80:0::2]:2", "ipv6:[::1]:1,[fe80::2]:2", "[::1]:1"),
        ("ipv6:[::1]:1,[::2]:2", "ipv6:[::1]:1,[::2]:2", "[::1]:1"),
    ],
)
def test_several_servers_in_numbers_are_one_target(address: str, uri: str, first: str) -> None:
    assert target(address, has_tls=False) == Target(uri, first)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("a:1,b:2", r"'a:1' in a list is not an address in numbers.*a name stands alone"),
        ("10.0.0.1:1,localhost:2", "'localhost:2' in a list"),
        ("10.0.0.1:1,", "'' in a list"),
        ("10.0.0.1:1,10.0.0.2", "'10.0.0.2' in a list"),
        ("10.0.0.1:1,10.0.0.2:0", "ports are 1 to 65535"),
        ("10.0.0.1:1,10.0.0.2:65536", "ports are 1 to 65535"),
        ("10.0.0.1:1,10.0.0.256:2", "'10.0.0.256:2' is no address"),
        ("[::1]:1,[::1::]:2", r"'\[::1::\]:2' is no address"),
        ("10.0.0.1:1,[::1]:2", "IPv4 and of IPv6"),
    ],
)
def test_a_list_that_grpc_could_not_use_is_refused_with_the_reason(address: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        target(address, has_tls=False)


def test_with_tls_a_list_is_of_one_host_since_one_name_is_checked() -> None:
    assert target("10.0.0.1:1,10.0.0.1:2", has_tls=True).authority == "10.0.0.1:1"
    with pytest.raises(ValueError, match="servers on one host"):
        target("10.0.0.1:1,10.0.0.2:1", has_tls=True)


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8", True),
        ("LocalHost:1", True),
        ("localhost", True),
        ("[::1]:1", True),
        ("::1", True),
        ("dns:///localhost:1", True),
        ("dns:localhost:1", True),
        ("ipv6:[::1]:1", True),
        ("unix:/run/digits,1", True),
        ("unix-abstract:digits", True),
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
def test_loopback_is_what_stays_on_this_machine(address: str, *, is_here: bool) -> None:
    assert is_loopback(address) is is_here
