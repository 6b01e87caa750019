"""Creates the gRPC server, and binds it."""

import dataclasses
import math
from typing import Final

import grpc

from digits_server.errors import BindError
from digits_server.ops.listening import find_bind_error, remove_stale_socket
from digits_server.settings import Settings

from .tls import ServerCertificate

_MS_PER_SECOND: Final = 1000
_NEVER_MS: Final = 2**31 - 1
# The shortest interval at which a client may send pings while it sends nothing else. Our clients
# send one per second, to notice a server that is stopped; the network may bring two close together.
_MIN_PING_MS: Final = 500
_KEEPALIVE_SECONDS: Final = 60
# A connection counts as soon as it is open, so one that stays silent is closed soon.
_HANDSHAKE_SECONDS: Final = 10
# One core at three times its capacity accepts so many calls in a third of a second.
MAX_PENDING_CALLS: Final = 256
# A batch of 256 small images is not much larger.
_UNREAD_BYTES: Final = 2**18
_READ_CHUNK_BYTES: Final = 2**16
_KEEPALIVE_TIMEOUT_SECONDS: Final = 20


def make_server(
    settings: Settings, methods: grpc.GenericRpcHandler, *, shares_port: bool
) -> grpc.aio.Server:
    """Return a server that is not bound yet.

    Args:
        settings: All settings.
        methods: All methods of the server.
        shares_port: Whether other processes may listen on the same port.
    """
    return grpc.aio.server(handlers=[methods], options=_options(settings, shares_port=shares_port))


def bind(server: grpc.aio.Server, settings: Settings, certificate: ServerCertificate | None) -> str:
    """Bind a server to its address, with TLS if there is a certificate; return the bound address.

    A Unix socket of a server that was killed is replaced.

    Raises:
        BindError: The address is in use or not local.
    """
    if settings.unix_path is not None:
        remove_stale_socket(settings.unix_path, settings.address)
    try:
        if certificate is not None:
            bound = server.add_secure_port(settings.address, certificate.credentials())
        else:
            bound = server.add_insecure_port(settings.address)
    except RuntimeError:
        bound = 0
    if not bound:
        if settings.unix_path is not None:
            raise BindError(f"cannot listen on {settings.address}")
        raise find_bind_error(settings.host, settings.port, settings.address)
    return dataclasses.replace(settings, port=bound).address


def _options(settings: Settings, *, shares_port: bool) -> list[tuple[str, int]]:
    idle_ms = int(settings.max_connection_idle_seconds * _MS_PER_SECOND)
    age_ms = int(settings.max_connection_age_seconds * _MS_PER_SECOND)
    return [
        # gRPC shares ports by default; a port that is in use has to be an error.
        ("grpc.so_reuseport", int(shares_port)),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_concurrent_streams", settings.max_connection_calls),
        ("grpc.keepalive_time_ms", _KEEPALIVE_SECONDS * _MS_PER_SECOND),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_SECONDS * _MS_PER_SECOND),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        # Calls that the event loop has not accepted yet wait inside gRPC, which cancels those that
        # wait too long or are too many. That is the last resort: unlike a rejection, it has no
        # retry delay. But it costs little, and a rejection nearly as much as a call, so that at
        # several times its capacity the server would do nothing but reject.
        ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_PENDING_CALLS),
        (
            "grpc.server_max_unrequested_time_in_server",
            max(1, math.ceil(2 * settings.max_wait_seconds)),
        ),
        # Until a message is read, so much of it is accepted. Probes of the bandwidth would raise
        # that to megabytes. A message that is being read gets all the room that it needs.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _UNREAD_BYTES),
        # By default each connection may keep 4 MB ready.
        ("grpc.experimental.tcp_max_read_chunk_size", _READ_CHUNK_BYTES),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_SECONDS * _MS_PER_SECOND),
        ("grpc.max_connection_idle_ms", idle_ms or _NEVER_MS),
        ("grpc.max_connection_age_ms", age_ms or _NEVER_MS),
        ("grpc.max_connection_age_grace_ms", int(settings.grace_seconds * _MS_PER_SECOND)),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_MS),
    ]
