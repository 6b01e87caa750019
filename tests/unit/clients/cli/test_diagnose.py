"""What a person is told of a connection that failed."""

import grpc
import pytest

from digits_client import (
    AccessError,
    CredentialFileError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.cli.diagnose import diagnose

ADDRESS = "example.org:50051"
FAILED = "connections to all backends failing; last error: UNKNOWN: ipv4:1.2.3.4:5: "


def overloaded(retry_after_seconds: float | None) -> OverloadedError:
    error = OverloadedError("full")
    error.retry_after_seconds = retry_after_seconds
    return error


def failure(code: grpc.StatusCode) -> ServerFailureError:
    error = ServerFailureError(f"{code.name}: because")
    error.code = code
    return error


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            f"{FAILED}Failed to connect to remote host: Connection refused",
            f"No server answers at {ADDRESS}.",
        ),
        (
            "errors resolving x: address lookup failed for x: Domain name not found",
            f"There is no host of the name in {ADDRESS}: look at --server.",
        ),
        (
            "DNS resolution failed for x",
            f"There is no host of the name in {ADDRESS}: look at --server.",
        ),
        (
            f"{FAILED}Ssl handshake failed (TSI_PROTOCOL_FAILURE): "
            "SSL_ERROR_SSL: error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
            f"The server at {ADDRESS} does not speak TLS: leave --tls-ca out.",
        ),
        (
            f"{FAILED}Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "
            "error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            f"The server at {ADDRESS} shows a certificate that is not trusted: name the authority "
            "that signed it with --tls-ca.",
        ),
        (
            f"{FAILED}Custom verification check failed with error: UNAUTHENTICATED: "
            "Hostname Verification Check failed.",
            f"The server's certificate is not for the name in {ADDRESS}: "
            "use the name that it is for.",
        ),
        (
            f"{FAILED}Failed to create security handshaker.",
            f"No TLS connection to {ADDRESS} comes about: look at --tls-ca.",
        ),
        (
            "Socket closed",
            f"The server at {ADDRESS} hangs up at once: it may speak TLS (--tls-ca), want a "
            "certificate of yours (--client-cert), or have all the connections that it takes.",
        ),
        ("it is Sunday", f"The server at {ADDRESS} cannot be reached: it is Sunday"),
    ],
)
def test_a_server_out_of_reach_is_told_with_the_cause(text: str, sentence: str) -> None:
    assert diagnose(UnavailableError(text), ADDRESS).removesuffix(".") == sentence.removesuffix(".")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AccessError("no"), f"The server at {ADDRESS} lets nobody in without its token: no"),
        (DeadlineError("late"), f"The server at {ADDRESS} does not answer."),
        (InvalidImageError("too large"), "The image cannot be recognized: too large"),
        (overloaded(1.0), f"The server at {ADDRESS} has too much to do."),
        (
            overloaded(None),
            f"The image is larger than what the server at {ADDRESS} takes.",
        ),
        (
            failure(grpc.StatusCode.UNIMPLEMENTED),
            f"What answers at {ADDRESS} is no digits server.",
        ),
        (
            failure(grpc.StatusCode.INTERNAL),
            f"The server at {ADDRESS} failed: INTERNAL: because",
        ),
        (DigitsError("odd"), f"The server at {ADDRESS} failed: odd"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DigitsError) else "",
)
def test_each_error_has_its_sentence(error: DigitsError, sentence: str) -> None:
    assert diagnose(error, ADDRESS).removesuffix(".") == sentence.removesuffix(".")


@pytest.mark.parametrize(
    "error",
    [UnavailableError("Connection refused"), DeadlineError(""), failure(grpc.StatusCode.UNKNOWN)],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("address", ["a:65536", "127.0.0.1:123456", "[::1]:99999"])
def test_a_port_past_the_last_is_the_cause_whatever_grpc_says(
    error: DigitsError, address: str
) -> None:
    assert diagnose(error, address) == f"{address} is no address: ports end at 65535."


@pytest.mark.parametrize("address", ["a:65535", "a:0", "a", "unix:/run/70000", "[::1]", "a:b", ""])
def test_any_other_address_is_not_blamed(address: str) -> None:
    said = diagnose(UnavailableError("Connection refused"), address)
    assert said == f"No server answers at {address}."


def test_what_an_address_holds_is_said_as_it_is() -> None:
    said = diagnose(UnavailableError("Connection refused"), "{0}{address}:1")
    assert said == "No server answers at {0}{address}:1."


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("it is Sunday"),
        AccessError("a token is needed"),
        InvalidImageError("image is unset"),
        failure(grpc.StatusCode.INTERNAL),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_sentence_ends_as_one(error: DigitsError) -> None:
    assert diagnose(error, ADDRESS).endswith(".")


def test_a_file_that_cannot_be_read_here_is_not_blamed_on_the_server() -> None:
    error = CredentialFileError("ca.pem is missing")
    assert diagnose(error, ADDRESS) == "ca.pem is missing."
