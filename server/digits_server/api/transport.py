"""Which gRPC server answers: that of grpcio, or the optional native one. Chosen here only."""

import dataclasses
import logging
import math
from collections.abc import Sequence

import grpc

from digits_server.errors import BindError, TransportError
from digits_server.settings import Settings

from .tls import TlsFiles, server_credentials

logger = logging.getLogger(__name__)

_MILLISECONDS = 1000
_NEVER = 2**31 - 1
# Clients may ask whether a connection lives, but not more often than this.
_LEAST_PING_SECONDS = 10
_KEEPALIVE_SECONDS = 60
_KEEPALIVE_TIMEOUT_SECONDS = 20


def make_server(
    settings: Settings, interceptors: Sequence[grpc.aio.ServerInterceptor], *, shares_port: bool
) -> grpc.aio.Server:
    """Return a server without services, not bound yet.

    Args:
        settings: All of them.
        interceptors: Around every call, the first outermost.
        shares_port: Whether other processes may listen on the same port.

    Raises:
        TransportError: The native transport is asked for and not installed.
    """
    if settings.transport == "native":
        return _native_server(settings, interceptors, shares_port=shares_port)
    return grpc.aio.server(
        interceptors=interceptors,
        options=_common_options(settings, shares_port=shares_port) + _grpcio_options(settings),
    )


def bind(server: grpc.aio.Server, settings: Settings) -> str:
    """Listen, with TLS where there is a certificate, and return the address as bound.

    Raises:
        BindError: The address is in use or not ours.
        CredentialsError: The certificate is no good.
    """
    try:
        if settings.tls_cert is not None and settings.tls_key is not None:
            files = TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
            bound = server.add_secure_port(settings.address, server_credentials(files))
        else:
            bound = server.add_insecure_port(settings.address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise BindError(f"cannot listen on {settings.address}: it is in use or not an address here")
    return dataclasses.replace(settings, port=bound).address


def _native_server(
    settings: Settings, interceptors: Sequence[grpc.aio.ServerInterceptor], *, shares_port: bool
) -> grpc.aio.Server:
    try:
        from .native import NativeServer  # by an extra
    except ImportError as error:
        raise TransportError(
            "--transport native is not installed: pip install 'digits[fast]'"
        ) from error
    logger.info(
        "the native transport limits no connections, ends none by age and speaks no TLS: it is for "
        "callers that are trusted"
    )
    return NativeServer(
        interceptors=interceptors, options=_common_options(settings, shares_port=shares_port)
    )


def _common_options(settings: Settings, *, shares_port: bool) -> list[tuple[str, int]]:
    return [
        # Two servers on one port is an error, not a secret.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", settings.max_connection_calls),
        ("grpc.keepalive_time_ms", _KEEPALIVE_SECONDS * _MILLISECONDS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_SECONDS * _MILLISECONDS),
    ]


def _grpcio_options(settings: Settings) -> list[tuple[str, int]]:
    age_ms = int(settings.max_connection_age_seconds * _MILLISECONDS)
    return [
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        # Calls that the event loop has not come to yet wait in gRPC: not for long either. They
        # are cancelled then, which tells callers less than our own refusal: it is the last resort.
        (
            "grpc.server_max_unrequested_time_in_server",
            max(1, math.ceil(2 * settings.max_wait_seconds)),
        ),
        ("grpc.max_connection_age_ms", age_ms or _NEVER),
        ("grpc.max_connection_age_grace_ms", int(settings.grace_seconds * _MILLISECONDS)),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_SECONDS * _MILLISECONDS),
    ]
