"""What a person can do about a connection that failed, in a sentence.

gRPC tells the cause in the text of its status alone; these are its texts as of grpcio 1.85.
What matches none of them is shown as it is.
"""

from typing import Final

import grpc

from digits_client.errors import (
    AccessError,
    CredentialFileError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)

_LAST_PORT: Final = 65535

# A part of gRPC's text, in small letters, and what it means for the address.
_CAUSES: Final = (
    ("connection refused", "No server answers at {address}."),
    ("domain name", "There is no host of the name in {address}: look at --server."),
    ("dns", "There is no host of the name in {address}: look at --server."),
    (
        "wrong_version_number",
        "The server at {address} does not speak TLS: leave --tls-ca out.",
    ),
    (
        "certificate_verify_failed",
        "The server at {address} shows a certificate that is not trusted: name the authority "
        "that signed it with --tls-ca.",
    ),
    (
        "hostname verification",
        "The server's certificate is not for the name in {address}: use the name that it is for.",
    ),
    ("handshake", "No TLS connection to {address} comes about: look at --tls-ca."),
    (
        "socket closed",
        "The server at {address} hangs up at once: it may speak TLS (--tls-ca), want a certificate "
        "of yours (--client-cert), or have all the connections that it takes.",
    ),
)


def diagnose(error: DigitsError, address: str, *, was_there: bool = False) -> str:
    """Return why the server at an address cannot be used, and what to do, in a sentence.

    Args:
        error: What came of asking it.
        address: The server's.
        was_there: Whether it had answered before, so that the address and the way of
            talking to it are right.
    """
    port = address.rpartition(":")[2]
    if port.isdecimal() and int(port) > _LAST_PORT:
        return f"{address} is no address: ports end at {_LAST_PORT}."
    said = str(error).removesuffix(".")
    text = said.lower()
    match error:
        case UnavailableError() if was_there:
            return f"The server at {address} is gone."
        case UnavailableError():
            for part, meaning in _CAUSES:
                if part in text:
                    return meaning.format(address=address)
            return f"The server at {address} cannot be reached: {said}."
        case CredentialFileError():
            return f"{said}."
        case AccessError():
            return f"The server at {address} lets nobody in without its token: {said}."
        case DeadlineError():
            return f"The server at {address} does not answer."
        case InvalidImageError():
            return f"The image cannot be recognized: {said}."
        case OverloadedError(retry_after_seconds=None):
            return f"The image is larger than what the server at {address} takes."
        case OverloadedError():
            return f"The server at {address} has too much to do."
        case ServerFailureError(code=grpc.StatusCode.UNIMPLEMENTED):
            return f"What answers at {address} is no digits server."
        case _:
            return f"The server at {address} failed: {said}."
