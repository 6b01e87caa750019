"""What a server warns of that strangers can reach."""

import logging

from .settings import Settings

logger = logging.getLogger(__name__)


def warn_if_open(settings: Settings, address: str) -> None:
    """Log a warning where others than this machine's reach a server without token or TLS."""
    if settings.host in ("127.0.0.1", "::1", "localhost"):
        return
    if settings.tokens_file is None and settings.tls_client_ca is None:
        logger.warning("no token is asked for: whoever reaches %s may use it", address)
    if settings.tls_cert is None:
        logger.warning("no TLS: what goes to and from %s can be read on its way", address)
