"""Server addresses as a person writes them, and the targets that gRPC gets."""

import re

import pytest

from digits_client.addresses import Target, to_target


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:50051",
        "[::1]:50051",
        "digits.example:50051",
        "localhost:1",
        "dns:///digits.example:50051",
        "unix:/run/a,b",
        "dns:localhost:1",
        "dns://192.0.2.1/localhost:65535",
        "unix-abstract:digits",
        "xds:///digits",
        "ipv4:10.0.0.1:1",
        "ipv6:[::1]:1",
    ],
)
@pytest.mark.parametrize("has_tls", [False, True])
def test_the_address_of_one_server_is_passed_on_unchanged(address: str, *, has_tls: bool) -> None:
    assert to_target(address, has_tls=has_tls) == Target(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "'127.0.0.1' has no port: use 127.0.0.1:50051"),
        ("localhost:", "'localhost:' has no port: use localhost:50051"),
        ("[::1]", "'[::1]' has no port: use [::1]:50051"),
        ("dns:///digits", "'dns:///digits' has no port: use dns:///digits:50051"),
        ("ipv4:10.0.0.1", "'ipv4:10.0.0.1' has no port: use ipv4:10.0.0.1:50051"),
        ("http://digits:8080/a", "'http://digits:8080/a' is not a host and port: use digits:8080"),
        ("grpc://digits", "'grpc://digits' is not a host and port: use digits:50051"),
        ("https://", "'https://' is not a host and port: use 127.0.0.1:50051"),
        ("a:65536", "'a:65536' is not a valid address: ports are 1 to 65535"),
        ("a:123456", "'a:123456' is not a valid address: ports are 1 to 65535"),
        ("[::1]:0", "'[::1]:0' is not a valid address: ports are 1 to 65535"),
        ("a:http", "'a:http' is not a valid address: ports are 1 to 65535"),
        ("a:\u0661", "'a:\u0661' is not a valid address: ports are 1 to 65535"),
        ("::1:50051", "'::1:50051' is not a valid address: write IPv6 as in [::1]:50051"),
        ("", "'' is not a valid address: use host:port"),
        (":50051", "':50051' is not a valid address: use host:port"),
        ("\udcff:1", r"'\udcff:1' is not a valid address: use host:port"),
        ("my host:50051", "'my host:50051' is not a valid address: use host:port"),
    ],
)
def test_an_address_without_a_host_and_a_valid_port_is_rejected_with_what_to_use(
    address: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(reason) + "$"):
        to_target(address, has_tls=False)


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
def test_a_list_of_numeric_addresses_is_one_target(address: str, uri: str, first: str) -> None:
    assert to_target(address, has_tls=False) == Target(uri, first)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (
            "a:1,b:2",
            r"'a:1' is not valid in a list .*: use numeric addresses .* or a single host name",
        ),
        ("10.0.0.1:1,localhost:2", "'localhost:2' is not valid in a list"),
        ("10.0.0.1:1,", "'' is not valid in a list"),
        ("10.0.0.1:1,10.0.0.2", "'10.0.0.2' is not valid in a list"),
        ("10.0.0.1:1,10.0.0.2:0", "ports are 1 to 65535"),
        ("10.0.0.1:1,10.0.0.2:65536", "ports are 1 to 65535"),
        ("10.0.0.1:1,10.0.0.256:2", "'10.0.0.256:2' is not a valid address"),
        ("[::1]:1,[::1::]:2", r"'\[::1::\]:2' is not a valid address"),
        ("10.0.0.1:1,[::1]:2", "cannot mix IPv4 and IPv6"),
    ],
)
def test_a_list_that_is_not_valid_is_rejected_with_the_reason(address: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        to_target(address, has_tls=False)


def test_with_tls_all_servers_of_a_list_must_be_on_one_host() -> None:
    assert to_target("10.0.0.1:1,10.0.0.1:2", has_tls=True).authority == "10.0.0.1:1"
    with pytest.raises(ValueError, match="must be on one host"):
        to_target("10.0.0.1:1,10.0.0.2:1", has_tls=True)


@pytest.mark.parametrize("address", ["10.0.0.1:1", "10.0.0.1:1,10.0.0.2:1"])
def test_certificates_are_verified_against_a_name_that_is_given(address: str) -> None:
    target = to_target(address, has_tls=True, tls_server_name="digits.example")
    assert target.authority == "digits.example"
    assert target.has_several is ("," in address)
    with pytest.raises(ValueError, match="of no use without TLS"):
        to_target(address, has_tls=False, tls_server_name="digits.example")


@pytest.mark.parametrize(
    ("address", "has_several"),
    [
        ("10.0.0.1:1", False),
        ("digits.example:1", False),
        ("unix:/run/a,b", False),
        ("ipv4:10.0.0.1:1", False),
        ("10.0.0.1:1,10.0.0.2:2", True),
        ("ipv6:[::1]:1,[::2]:2", True),
        ("dns:///digits.example:1", True),
    ],
)
def test_a_list_and_a_name_as_a_dns_uri_stand_for_several_servers(
    address: str, *, has_several: bool
) -> None:
    assert to_target(address, has_tls=False).has_several is has_several
