"""How both clients reach a server: options, retries, deadlines, TLS and tokens."""

import json
import logging
import os
import re
import ssl
from pathlib import Path
from typing import Final

import grpc

from digits.v1 import recognizer_pb2 as pb

from . import addresses
from .errors import CredentialFileError

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
# A stream lasts as long as somebody draws.
DEFAULT_STREAM_TIMEOUT_SECONDS: Final = 3600.0

_SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name

# Every RPC only reads, so that asking twice does no harm. UNAVAILABLE is asked again: four
# times at most, after 0.1, 0.2 and 0.4 seconds, each give or take a share; and so is
# CANCELLED, which a server of gRPC's gives to calls that it had not begun when it ended,
# see github.com/grpc/grpc/issues/41785. What a caller cancels is not asked again.
# Calls go to all addresses behind a name, or in a list, in turn.
_SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": _SERVICE}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
            },
        }
    ],
}

Options = list[tuple[str, str | int]]

_OPTIONS: Final[Options] = [
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.enable_retries", 1),
    ("grpc.max_receive_message_length", -1),
    # After a server has come back, it is found within a second. The first try is early: a
    # process that dies may take a connection yet, and four attempts are soon over.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A host that is cut off says nothing: it is found out before calls are over. Servers
    # of ours allow no shorter time.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
]

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike[str]
Metadata = tuple[tuple[str, str], ...]


def target_and_options(address: str, *, has_tls: bool) -> tuple[str, Options]:
    """Return what a channel to an address is made with.

    Raises:
        ValueError: The address is a list that cannot be used.
    """
    target = addresses.target(address, has_tls=has_tls)
    if target.authority is None:
        return target.uri, _OPTIONS
    return target.uri, [*_OPTIONS, ("grpc.default_authority", target.authority)]


def tls_credentials(
    tls_ca: FilePath | None, client_cert: FilePath | None, client_key: FilePath | None
) -> grpc.ChannelCredentials | None:
    """Return credentials for TLS, or None where no file asks for it.

    Args:
        tls_ca: Authorities to trust, as PEM; None for those that gRPC knows.
        client_cert: What to show to the server, as PEM; None for nothing.
        client_key: Its key, as PEM.

    Raises:
        CredentialFileError: A file cannot be read or is not PEM, or a certificate and a key
            do not match, or one of them is missing.
    """
    if (client_cert is None) != (client_key is None):
        raise CredentialFileError("a client's certificate and its key belong together")
    if tls_ca is None and client_cert is None:
        return None
    authorities, key, cert = (
        _pem(tls_ca, "CERTIFICATE"),
        _pem(client_key, "PRIVATE KEY"),
        _pem(client_cert, "CERTIFICATE"),
    )
    if client_cert is not None and client_key is not None:
        _check_pair(client_cert, client_key)
    return grpc.ssl_channel_credentials(authorities, key, cert)


def _pem(path: FilePath | None, kind: str) -> bytes | None:
    if path is None:
        return None
    content = _content(path)
    # gRPC itself would only say so in its log, and each call would then fail to connect.
    if not re.search(rb"-----BEGIN [A-Z ]*" + kind.encode() + b"-----", content):
        raise CredentialFileError(f"{os.fspath(path)} holds no {kind.lower()} in PEM form")
    return content


def _check_pair(cert: FilePath, key: FilePath) -> None:
    """Try a pair as OpenSSL would use it: gRPC itself does not say what is wrong with it."""
    try:
        # A password, or else a key that has one would be asked for at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise CredentialFileError(
            f"{os.fspath(cert)} and {os.fspath(key)} are no certificate and its key"
        ) from error


def warn_of_open_token(address: str, token_file: FilePath | None) -> None:
    """Log a warning where a token would go over a network in plain sight."""
    if token_file is not None and not addresses.is_loopback(address):
        logger.warning("the token goes to %s without TLS: whoever listens can use it", address)


def token_metadata(token_file: FilePath | None) -> Metadata:
    """Return what shows the token in a file to the server; read anew, since tokens change.

    Raises:
        CredentialFileError: The file cannot be read, or is empty.
    """
    if token_file is None:
        return ()
    token = _content(token_file).strip().decode("utf-8", "replace")
    if not token or not token.isascii() or not token.isprintable():
        raise CredentialFileError(f"{os.fspath(token_file)} holds no token")
    return (("authorization", f"Bearer {token}"),)


def _content(path: FilePath) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CredentialFileError(f"{os.fspath(path)} cannot be read: {error.strerror}") from error
