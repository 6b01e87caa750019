"""The messages of calls that failed."""

import grpc
import pytest

from digits.endpoint import Endpoint

ADDRESS = "example.org:50051"
FAILED = "connections to all backends failing; last error: UNKNOWN: ipv4:1.2.3.4:5: "
HANDSHAKE = (
    f"{FAILED}Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: error:1000007d:"
    "SSL routines:OPENSSL_internal:"
)
CLOSED = f"the server at {ADDRESS} closed the connection: it may require"
LIMIT = "or its connection limit is reached"


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        (
            f"{FAILED}Failed to connect to remote host: Connection refused",
            f"no server is listening at {ADDRESS}",
        ),
        (
            f"{FAILED}ConnectEx: No connection could be made because the target machine actively "
            "refused it.",
            f"no server is listening at {ADDRESS}",
        ),
        (
            "errors resolving x: [address lookup failed for x: Domain name not found]",
            f"the host name in {ADDRESS} cannot be resolved",
        ),
        ("DNS resolution failed for x", f"the host name in {ADDRESS} cannot be resolved"),
        (
            f"{HANDSHAKE}WRONG_VERSION_NUMBER: OK",
            f"the server at {ADDRESS} does not use TLS: remove tls_ca",
        ),
        (
            f"{HANDSHAKE}CERTIFICATE_VERIFY_FAILED: unable to get local issuer certificate: OK",
            f"the certificate of the server at {ADDRESS} is not trusted: name its CA with tls_ca",
        ),
        (
            f"{HANDSHAKE}CERTIFICATE_VERIFY_FAILED: certificate has expired: OK",
            f"the certificate of the server at {ADDRESS} has expired",
        ),
        (
            f"{FAILED}Custom verification check failed with error: UNAUTHENTICATED: "
            "Hostname Verification Check failed.",
            f"the certificate of the server at {ADDRESS} is for another name: "
            "give that name with tls_server_name",
        ),
        (
            f"{FAILED}Failed to create security handshaker.",
            f"the TLS handshake with {ADDRESS} failed: check tls_ca",
        ),
        (
            f"{FAILED}Failed parsing HTTP/2 (Expected SETTINGS frame as the first frame)",
            f"the server at {ADDRESS} speaks HTTP/1 and not gRPC: it may be an admin port; use "
            "the port of the service, by default 50051",
        ),
        ("Socket closed", f"{CLOSED} TLS (tls_ca), {LIMIT}"),
        (f"{FAILED}recvmsg: Connection reset by peer", f"{CLOSED} TLS (tls_ca), {LIMIT}"),
        (
            f"{FAILED}WSARecv: An existing connection was forcibly closed by the remote host.",
            f"{CLOSED} TLS (tls_ca), {LIMIT}",
        ),
        ("shutting down", f"the server at {ADDRESS} is unavailable: shutting down"),
        (
            f"{FAILED}No route to host",
            f"the server at {ADDRESS} is unavailable: No route to host",
        ),
    ],
)
def test_the_cause_of_an_unreachable_server_is_named(details: str, sentence: str) -> None:
    assert Endpoint(ADDRESS).describe(grpc.StatusCode.UNAVAILABLE, details) == sentence


def test_a_server_that_closes_a_connection_with_tls_may_want_a_certificate() -> None:
    described = Endpoint(ADDRESS, has_tls=True).describe(
        grpc.StatusCode.UNAVAILABLE, "Socket closed"
    )
    assert described == f"{CLOSED} a client certificate that it trusts (client_cert), {LIMIT}"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("INVALID_ARGUMENT", "because"),
        ("RESOURCE_EXHAUSTED", "because"),
        ("UNAUTHENTICATED", f"the server at {ADDRESS} requires a token: set token_file"),
        ("PERMISSION_DENIED", f"the server at {ADDRESS} denied access: because"),
        ("DEADLINE_EXCEEDED", f"the server at {ADDRESS} did not respond in time"),
        (
            "UNIMPLEMENTED",
            f"the server at {ADDRESS} is not a digits server, or is the admin port of one; use "
            "the port of the service, by default 50051",
        ),
        ("INTERNAL", f"the server at {ADDRESS} failed: INTERNAL: because"),
    ],
)
def test_each_status_has_its_sentence(code: str, sentence: str) -> None:
    assert Endpoint(ADDRESS).describe(grpc.StatusCode[code], "because") == sentence


def test_a_rejected_token_is_named_by_its_file() -> None:
    described = Endpoint(ADDRESS, token_file="token").describe(
        grpc.StatusCode.UNAUTHENTICATED, "no"
    )
    assert described == f"the server at {ADDRESS} rejected the token in token"


def test_a_command_names_its_flags_instead_of_parameters() -> None:
    endpoint = Endpoint(ADDRESS, parameter_name=lambda name: f"--{name}")
    described = endpoint.describe(grpc.StatusCode.UNAUTHENTICATED, "no")
    assert described == f"the server at {ADDRESS} requires a token: set --token_file"


def test_braces_in_an_address_are_shown_unchanged() -> None:
    described = Endpoint("{0}{address}:1").describe(
        grpc.StatusCode.UNAVAILABLE, "Connection refused"
    )
    assert described == "no server is listening at {0}{address}:1"
