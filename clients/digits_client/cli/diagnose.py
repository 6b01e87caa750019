"""Diagnosis of connection failures: one sentence on what to do, for a person.

gRPC reports the cause only in the text of the status. The texts here are those of grpcio 1.85;
a text that matches none of them is shown unchanged.
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

# A part of gRPC's text in lower case, and the sentence for it.
_CAUSES: Final = (
    ("connection refused", "No server is listening at {address}."),
    ("domain name", "The host name in {address} cannot be resolved; check --server."),
    ("dns", "The host name in {address} cannot be resolved; check --server."),
    (
        "wrong_version_number",
        "The server at {address} does not use TLS; remove --tls-ca.",
    ),
    (
        "certificate_verify_failed",
        "The certificate of the server at {address} is not trusted; name its CA with --tls-ca.",
    ),
    (
        "hostname verification",
        "The certificate of the server at {address} is for another name; use that name.",
    ),
    ("handshake", "TLS handshake with {address} failed; check --tls-ca."),
    (
        "socket closed",
        "The server at {address} closed the connection: it may require TLS (--tls-ca) or a client "
        "certificate (--client-cert), or its connection limit is reached.",
    ),
)


def diagnose(error: DigitsError, address: str, *, was_there: bool = False) -> str:
    """Return why a call failed, and what to do, in a sentence.

    Args:
        error: The error of the call.
        address: The address of the server.
        was_there: Whether the server had responded before, so that the address and the
            credentials are right.
    """
    port = address.rpartition(":")[2]
    if port.isdecimal() and int(port) > _LAST_PORT:
        return f"{address} is not a valid address: the highest port is {_LAST_PORT}."
    reason = str(error).removesuffix(".")
    match error:
        case UnavailableError() if was_there:
            return f"The connection to the server at {address} was lost."
        case UnavailableError():
            for part, sentence in _CAUSES:
                if part in reason.lower():
                    return sentence.format(address=address)
            return f"The server at {address} cannot be reached: {reason}."
        case CredentialFileError():
            return f"{reason}."
        case AccessError():
            return f"The server at {address} requires a valid token: {reason}."
        case DeadlineError():
            return f"The server at {address} did not respond in time."
        case InvalidImageError():
            return f"The image cannot be recognized: {reason}."
        case OverloadedError(retry_after_seconds=None):
            return f"The image exceeds the size limit of the server at {address}."
        case OverloadedError():
            return f"The server at {address} is overloaded."
        case ServerFailureError(code=grpc.StatusCode.UNIMPLEMENTED):
            return f"The server at {address} is not a digits server."
        case _:
            return f"The server at {address} failed: {reason}."
