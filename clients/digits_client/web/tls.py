"""The TLS context of the gateway, whose certificate is replaced when its files change."""

import logging
import ssl
from pathlib import Path
from typing import Final, NamedTuple

from digits.credential_files import CredentialsError, ReloadedFiles, read_file

logger = logging.getLogger(__name__)


class _Content(NamedTuple):
    cert: bytes
    key: bytes
    client_ca: bytes | None


class TlsContext:
    """A context for new connections. Open ones are not affected by a change."""

    def __init__(self, cert: Path, key: Path, client_ca: Path | None) -> None:
        """Read the files.

        Args:
            cert: Certificate chain (PEM).
            key: Private key (PEM) of the certificate.
            client_ca: CA bundle (PEM) for verifying client certificates; None requires none.

        Raises:
            CredentialsError: The files are invalid.
        """
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        if client_ca is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.files: Final = ReloadedFiles("certificate", self._load)

    def _load(self, current: _Content | None) -> _Content:
        client_ca = None if self._client_ca is None else read_file(self._client_ca)
        content = _Content(read_file(self._cert), read_file(self._key), client_ca)
        if content == current:
            return content
        self._load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), content)  # whether it is valid
        self._load_into(self.context, content)
        if current is not None:
            logger.info("now using the certificate in %s", self._cert)
        return content

    def _load_into(self, context: ssl.SSLContext, content: _Content) -> None:
        try:
            context.load_cert_chain(self._cert, self._key, password="")
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise CredentialsError(
                f"{self._cert} and {self._key} are not a matching certificate and key in PEM format"
            ) from error
        if content.client_ca is not None:
            try:
                context.load_verify_locations(cadata=content.client_ca.decode("ascii", "ignore"))
            except (OSError, ValueError) as error:
                raise CredentialsError(
                    f"{self._client_ca} contains no CA certificates in PEM format"
                ) from error
