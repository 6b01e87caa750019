"""The files of a TLS server, and what is wrong with them, as OpenSSL finds out."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from .credential_files import CredentialsError, read_file


@dataclass(frozen=True)
class TlsContent:
    """The content of the files."""

    cert: bytes
    key: bytes
    client_ca: bytes | None


@dataclass(frozen=True)
class TlsFiles:
    """Paths of the server's credentials, all in PEM format."""

    cert: Path
    """Certificate chain: the server's certificate, then its intermediate certificates."""
    key: Path
    client_ca: Path | None = None
    """CA bundle for verifying client certificates; None does not require one."""

    def read(self) -> TlsContent:
        """Return the content of the files.

        Raises:
            CredentialsError: A file cannot be read.
        """
        client_ca = None if self.client_ca is None else read_file(self.client_ca)
        return TlsContent(read_file(self.cert), read_file(self.key), client_ca)

    def load_into(self, context: ssl.SSLContext, content: TlsContent) -> None:
        """Load the certificate, its key, and the CA bundle if there is one, into a context.

        Raises:
            CredentialsError: They are invalid, or the key is that of another certificate.
        """
        try:
            context.load_cert_chain(self.cert, self.key, password="")
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise CredentialsError(
                f"{self.cert} and {self.key} are not a matching certificate and key in PEM format"
            ) from error
        if content.client_ca is not None:
            try:
                # Comments may have any characters.
                context.load_verify_locations(cadata=content.client_ca.decode("ascii", "ignore"))
            except (OSError, ValueError) as error:
                raise CredentialsError(
                    f"{self.client_ca} contains no CA certificates in PEM format"
                ) from error
