"""The TLS context of the gateway, whose certificate is replaced when its files change."""

import logging
import ssl
from typing import Final

from digits.credential_files import ReloadedFiles
from digits.tls_files import TlsContent, TlsFiles

logger = logging.getLogger(__name__)


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
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        if paths.client_ca is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.files: Final = ReloadedFiles("certificate", self._load)

    def _load(self, current: TlsContent | None) -> TlsContent:
        content = self._paths.read()
        if content == current:
            return content
        # The first one is thrown away: it shows whether the files are valid.
        for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
            self._paths.load_into(context, content)
        if current is not None:
            logger.info("now using the certificate in %s", self._paths.cert)
        return content
