"""Errors of calls as whole sentences, for the window."""

import pytest

from digits_client import (
    AccessError,
    CredentialFileError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    UnavailableError,
)
from digits_client.draw.diagnose import diagnose

ADDRESS = "example.org:50051"


def overloaded(retry_after_seconds: float | None) -> OverloadedError:
    error = OverloadedError("full")
    error.retry_after_seconds = retry_after_seconds
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UnavailableError("no server is there"), "No server is there."),
        (AccessError("the server requires a token."), "The server requires a token."),
        (DeadlineError("late"), f"The server at {ADDRESS} did not respond in time."),
        (InvalidImageError("too large"), "The image cannot be recognized: too large."),
        (overloaded(1.0), f"The server at {ADDRESS} is overloaded."),
        (overloaded(None), f"The image exceeds the size limit of the server at {ADDRESS}."),
        (DigitsError(""), "."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DigitsError) else "",
)
def test_each_error_is_a_sentence(error: DigitsError, sentence: str) -> None:
    assert diagnose(error, ADDRESS) == sentence


def test_a_connection_that_had_worked_is_reported_as_lost() -> None:
    error = UnavailableError("no server is there")
    assert diagnose(error, ADDRESS, was_there=True) == (
        f"The connection to the server at {ADDRESS} was lost."
    )


def test_the_name_of_a_credential_file_keeps_its_first_letter() -> None:
    error = CredentialFileError("ca.pem is missing")
    assert diagnose(error, ADDRESS) == "ca.pem is missing."
