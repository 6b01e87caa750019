"""The connection of both clients: options, retries, deadlines, TLS and tokens."""

import json
import logging
import os
import re
import ssl
from pathlib import Path
from typing import Final

import grpc

from digits.loopback import is_loopback_address
from digits.v1 import recognizer_pb2 as pb

from . import addresses
from .errors import CredentialFileError

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0
# A stream lasts as long as a person draws.
DEFAULT_STREAM_TIMEOUT_SECONDS: Final = 3600.0

_SERVICE: Final[str] = pb.DESCRIPTOR.services_by_name["RecognizerService"].full_name

# All RPCs only read, so retries are safe. UNAVAILABLE is retried: at most four attempts, after
# about 0.1, 0.2 and 0.4 seconds with jitter. CANCELLED is retried too, because a gRPC server
# that shuts down sends it for calls that it has not started, see
# github.com/grpc/grpc/issues/41785. A call that its caller cancels is not retried.
# Calls go in turn to all addresses of a host name or a list. No attempt has a time limit apart
# from the call's deadline: a large image on a busy server may take long (ADR 22).
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
    # A server that comes back is found within a second. The first attempt is early, because a
    # dying process may still accept a connection, and the four attempts are soon used up.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A call is retried as long as its message is in gRPC's buffer, whose default is 256 KiB.
    ("grpc.per_rpc_retry_buffer_size", 64 * 2**20),
    # A host that is cut off acknowledges no packet; the kernel gives it up after this time.
    # gRPC 1.85 uses the value for nothing else, despite its name.
    ("grpc.keepalive_timeout_ms", 3_000),
]

# While calls are in flight and nothing arrives, the channel sends pings. gRPC's own threads respond
# to them, however busy the server is, so a ping without a response means a server that is stopped
# or cut off. Its calls fail and are retried, on another server if there is one.
#
# With several servers that takes at most 2.5 seconds. A ping waits behind the data that is being
# sent, so this needs an uplink of 8 Mbit/s for large images. With one server there is nowhere else
# to go, and a slow uplink must not fail. The pings are also too rare then for a strict server.
_PINGS_TO_SEVERAL: Final[Options] = [
    ("grpc.keepalive_time_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_500),
    ("grpc.http2.max_pings_without_data", 0),  # no limit
]
_PINGS_TO_ONE: Final[Options] = [
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 20_000),
]

logger = logging.getLogger(__name__)

FilePath = str | os.PathLike[str]
Metadata = tuple[tuple[str, str], ...]


def target_and_options(
    address: str, *, has_tls: bool, tls_server_name: str | None = None
) -> tuple[str, Options]:
    """Return the target and the options of a channel to an address.

    Other addresses than those of this machine are reached through the proxy that the environment
    names, if any, as gRPC does by default.

    Args:
        address: The address.
        has_tls: Whether the channel uses TLS.
        tls_server_name: The name that the server's certificate is for; None for the host.

    Raises:
        ValueError: The address is not valid, or there is a name without TLS.
    """
    target = addresses.to_target(address, has_tls=has_tls, tls_server_name=tls_server_name)
    options = [*_OPTIONS, *(_PINGS_TO_SEVERAL if target.has_several else _PINGS_TO_ONE)]
    if target.authority is not None:
        options.append(("grpc.default_authority", target.authority))
    if is_loopback_address(address):
        # A proxy of the environment (http_proxy) would connect to its own loopback address.
        options.append(("grpc.enable_http_proxy", 0))
    return target.uri, options


def tls_credentials(
    tls_ca: FilePath | None, client_cert: FilePath | None, client_key: FilePath | None
) -> grpc.ChannelCredentials | None:
    """Return credentials for TLS, or None if no file is given.

    Args:
        tls_ca: CA bundle (PEM) for verifying the server; None for the one built into gRPC.
        client_cert: Client certificate (PEM); None to present none.
        client_key: Key of the client certificate (PEM).

    Raises:
        CredentialFileError: A file cannot be read or is not PEM, or the certificate and the
            key do not match, or one of them is missing.
    """
    if (client_cert is None) != (client_key is None):
        raise CredentialFileError("client_cert and client_key must be given together")
    if tls_ca is None and client_cert is None:
        return None
    ca, key, cert = (
        _pem(tls_ca, "CERTIFICATE"),
        _pem(client_key, "PRIVATE KEY"),
        _pem(client_cert, "CERTIFICATE"),
    )
    if client_cert is not None and client_key is not None:
        _check_pair(client_cert, client_key)
    return grpc.ssl_channel_credentials(ca, key, cert)


def _pem(path: FilePath | None, kind: str) -> bytes | None:
    if path is None:
        return None
    content = _content(path)
    # gRPC itself would only log this, and each call would then fail to connect.
    if not re.search(rb"-----BEGIN [A-Z ]*" + kind.encode() + b"-----", content):
        raise CredentialFileError(
            f"{os.fspath(path)} does not contain a {kind.lower()} in PEM format"
        )
    return content


def _check_pair(cert: FilePath, key: FilePath) -> None:
    """Load a pair with OpenSSL, because gRPC itself does not report what is wrong with it."""
    try:
        # An empty password keeps OpenSSL from prompting for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise CredentialFileError(
            f"{os.fspath(cert)} and {os.fspath(key)} are not a matching certificate and key"
        ) from error


def warn_about_plaintext_token(address: str, token_file: FilePath | None) -> None:
    """Log a warning if a token would be sent over a network without encryption."""
    if token_file is not None and not is_loopback_address(address):
        logger.warning(
            "the token is sent to %s without TLS: anyone who reads the traffic can use it", address
        )


def token_metadata(token_file: FilePath | None) -> Metadata:
    """Return the metadata with the token in a file, which is read each time: tokens change.

    Raises:
        CredentialFileError: The file cannot be read, or does not contain a valid token.
    """
    if token_file is None:
        return ()
    token = _content(token_file).strip().decode("utf-8", "replace")
    if not token or not token.isascii() or not token.isprintable():
        raise CredentialFileError(f"{os.fspath(token_file)} does not contain a valid token")
    return (("authorization", f"Bearer {token}"),)


def _content(path: FilePath) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path that contains NUL
        reason = getattr(error, "strerror", None) or error
        raise CredentialFileError(f"{os.fspath(path)} cannot be read: {reason}") from error
