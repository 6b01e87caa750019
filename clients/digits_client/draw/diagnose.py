"""Errors as whole sentences, for the window."""

from digits_client.errors import (
    CredentialFileError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    UnavailableError,
)


def diagnose(error: DigitsError, address: str, *, was_there: bool = False) -> str:
    """Return why a call failed, and what to do, in a sentence.

    Args:
        error: The error of the call.
        address: The address of the server.
        was_there: Whether the server had responded before, so that the address and the
            credentials are right.
    """
    text = str(error).removesuffix(".")
    match error:
        case UnavailableError() if was_there:
            return f"The connection to the server at {address} was lost."
        case CredentialFileError():
            return f"{text}."
        case DeadlineError():
            return f"The server at {address} did not respond in time."
        case InvalidImageError():
            return f"The image cannot be recognized: {text}."
        case OverloadedError(retry_after_seconds=None):
            return f"The image exceeds the size limit of the server at {address}."
        case OverloadedError():
            return f"The server at {address} is overloaded."
        case _:
            return f"{text[:1].upper()}{text[1:]}."
