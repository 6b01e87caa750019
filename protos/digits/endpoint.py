"""The messages of calls that failed: one sentence each, on the cause and on what to do.

gRPC reports why a server is unreachable only in the text of the status. The texts here are those
of grpcio 1.85; one that matches none of them is shown as it is.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

# A part of gRPC's text in lower case, and the sentence for it. The names in braces are those of
# the client's parameters.
_CAUSES: Final = (
    ("connection refused", "no server is listening at {address}"),
    ("actively refused", "no server is listening at {address}"),  # on Windows
    ("domain name", "the host name in {address} cannot be resolved"),
    ("errors resolving", "the host name in {address} cannot be resolved"),
    ("dns resolution", "the host name in {address} cannot be resolved"),
    ("wrong_version_number", "the server at {address} does not use TLS: remove {tls_ca}"),
    ("certificate has expired", "the certificate of the server at {address} has expired"),
    (
        "certificate_verify_failed",
        "the certificate of the server at {address} is not trusted: name its CA with {tls_ca}",
    ),
    (
        "hostname verification",
        "the certificate of the server at {address} is for another name: give that name with "
        "{tls_server_name}",
    ),
    ("handshake", "the TLS handshake with {address} failed: check {tls_ca}"),
    (
        "failed parsing http/2",
        "the server at {address} speaks HTTP/1 and not gRPC: it may be an admin port; use the "
        "port of the service, by default 50051",
    ),
)
_CLOSED: Final = ("socket closed", "connection reset", "forcibly closed")  # the last on Windows
_CLOSED_PLAINTEXT: Final = (
    "the server at {address} closed the connection: it may require TLS ({tls_ca}), or its "
    "connection limit is reached"
)
_CLOSED_TLS: Final = (
    "the server at {address} closed the connection: it may require a client certificate that it "
    "trusts ({client_cert}), or its connection limit is reached"
)
_NOT_DIGITS: Final = (
    "the server at {address} is not a digits server, or is the admin port of one; use the port "
    "of the service, by default 50051"
)
# What precedes the reason if connections to all addresses failed.
_LAST_ERROR: Final = re.compile(r".*last error: [A-Z_]+: (?:\S+: )?", re.DOTALL)


@dataclass(frozen=True)
class Endpoint:
    """A server as its client was told to call it, for the messages of calls that fail."""

    address: str
    has_tls: bool = False
    token_file: str | os.PathLike[str] | None = None
    parameter_name: Callable[[str], str] = str
    """Returns how messages name a parameter of the client; a command names its flags."""

    def describe(self, code: grpc.StatusCode, details: str) -> str:
        """Return why a call failed, and what to do.

        Args:
            code: The code of the call's status.
            details: The text of the status.
        """
        match code:
            case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.RESOURCE_EXHAUSTED:
                return details  # concerns the image
            case grpc.StatusCode.UNAVAILABLE:
                return self._unavailable(details)
            case grpc.StatusCode.UNAUTHENTICATED:
                if self.token_file is None:
                    return self._format(
                        "the server at {address} requires a token: set {token_file}"
                    )
                path = os.fspath(self.token_file)
                return f"the server at {self.address} rejected the token in {path}"
            case grpc.StatusCode.PERMISSION_DENIED:
                return f"the server at {self.address} denied access: {details}"
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return f"the server at {self.address} did not respond in time"
            case grpc.StatusCode.UNIMPLEMENTED:
                return self._format(_NOT_DIGITS)
            case _:
                return f"the server at {self.address} failed: {code.name}: {details}"

    def _unavailable(self, details: str) -> str:
        text = details.lower()
        for part, sentence in _CAUSES:
            if part in text:
                return self._format(sentence)
        if any(part in text for part in _CLOSED):
            return self._format(_CLOSED_TLS if self.has_tls else _CLOSED_PLAINTEXT)
        return f"the server at {self.address} is unavailable: {_LAST_ERROR.sub('', details)}"

    def _format(self, sentence: str) -> str:
        names = ("tls_ca", "tls_server_name", "client_cert", "token_file")
        return sentence.format(
            address=self.address, **{name: self.parameter_name(name) for name in names}
        )
