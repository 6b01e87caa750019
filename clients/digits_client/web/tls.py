"""The TLS context of the gateway, which is replaced when its files change."""

import logging
import ssl
from typing import Any, Final

from digits.credential_files import ReloadedFiles
from digits.tls_files import TlsContent, TlsFiles

logger = logging.getLogger(__name__)


class _LatestContext(ssl.SSLContext):
    """Hands each new connection to the latest context."""

    latest: ssl.SSLContext

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Return the TLS side of a new connection, as asyncio asks for it."""
        return self.latest.wrap_bio(*args, **kwargs)


class TlsContext:
    """A context for new connections. Open ones are not affected by a change."""

    def __init__(self, paths: TlsFiles) -> None:
        """Read the files.

        Args:
            paths: Paths of the files.

        Raises:
            CredentialsError: The files are invalid.
        """
        self._paths = paths
        self.context: Final = _LatestContext(ssl.PROTOCOL_TLS_SERVER)
        self.files: Final = ReloadedFiles("certificate", self._load)

    def _load(self, current: TlsContent | None) -> TlsContent:
        content = self._paths.read()
        if content == current:
            return content
        # A new context: an old one keeps the CA certificates that it has, and resumes the sessions
        # of their clients without verifying them again.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        if content.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        self._paths.load_into(context, content)
        self.context.latest = context
        if current is not None:
            logger.info("now using the certificate in %s", self._paths.cert)
        return content
