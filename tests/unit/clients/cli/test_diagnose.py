"""The diagnosis of failed calls."""

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
            f"No server is listening at {ADDRESS}.",
        ),
        (
            "errors resolving x: address lookup failed for x: Domain name not found",
            f"The host name in {ADDRESS} cannot be resolved; check --server.",
        ),
        (
            "DNS resolution failed for x",
            f"The host name in {ADDRESS} cannot be resolved; check --server.",
        ),
        (
            f"{FAILED}Ssl handshake failed (TSI_PROTOCOL_FAILURE): "
            "SSL_ERROR_SSL: error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
            f"The server at {ADDRESS} does not use TLS; remove --tls-ca.",
        ),
        (
            f"{FAILED}Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "
            "error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            f"The certificate of the server at {ADDRESS} is not trusted; "
            "name its CA with --tls-ca.",
        ),
        (
            f"{FAILED}Custom verification check failed with error: UNAUTHENTICATED: "
            "Hostname Verification Check failed.",
            f"The certificate of the server at {ADDRESS} is for another name; use that name.",
        ),
        (
            f"{FAILED}Failed to create security handshaker.",
            f"TLS handshake with {ADDRESS} failed; check --tls-ca.",
        ),
        (
            "Socket closed",
            f"The server at {ADDRESS} closed the connection: it may require TLS (--tls-ca) or a "
            "client certificate (--client-cert), or its connection limit is reached.",
        ),
        ("it is Sunday", f"The server at {ADDRESS} cannot be reached: it is Sunday"),
    ],
)
def test_the_cause_of_an_unreachable_server_is_named(text: str, sentence: str) -> None:
    assert diagnose(UnavailableError(text), ADDRESS).removesuffix(".") == sentence.removesuffix(".")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AccessError("no"), f"The server at {ADDRESS} requires a valid token: no"),
        (DeadlineError("late"), f"The server at {ADDRESS} did not respond in time."),
        (InvalidImageError("too large"), "The image cannot be recognized: too large"),
        (overloaded(1.0), f"The server at {ADDRESS} is overloaded."),
        (
            overloaded(None),
            f"The image exceeds the size limit of the server at {ADDRESS}.",
        ),
        (
            failure(grpc.StatusCode.UNIMPLEMENTED),
            f"The server at {ADDRESS} is not a digits server.",
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
def test_a_port_above_the_highest_is_named_as_the_cause_whatever_the_error(
    error: DigitsError, address: str
) -> None:
    assert diagnose(error, address) == (
        f"{address} is not a valid address: the highest port is 65535."
    )


@pytest.mark.parametrize("address", ["a:65535", "a:0", "a", "unix:/run/70000", "[::1]", "a:b", ""])
def test_no_other_port_is_named_as_the_cause(address: str) -> None:
    diagnosis = diagnose(UnavailableError("Connection refused"), address)
    assert diagnosis == f"No server is listening at {address}."


def test_braces_in_an_address_are_shown_unchanged() -> None:
    diagnosis = diagnose(UnavailableError("Connection refused"), "{0}{address}:1")
    assert diagnosis == "No server is listening at {0}{address}:1."


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
def test_every_diagnosis_ends_with_a_period(error: DigitsError) -> None:
    assert diagnose(error, ADDRESS).endswith(".")


def test_a_connection_that_had_worked_is_reported_as_lost() -> None:
    error = UnavailableError("Connection refused")
    assert diagnose(error, ADDRESS, was_there=True) == (
        f"The connection to the server at {ADDRESS} was lost."
    )


def test_a_credential_file_that_cannot_be_read_is_not_blamed_on_the_server() -> None:
    error = CredentialFileError("ca.pem is missing")
    assert diagnose(error, ADDRESS) == "ca.pem is missing."
