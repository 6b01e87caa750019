"""TLS: certificates that are read anew when their files change."""

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from digits_server.errors import CredentialsError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TlsFiles:
    """Where the server's credentials are, all as PEM."""

    cert: Path
    """The certificate, and those that lead to its authority."""
    key: Path
    client_ca: Path | None = None
    """Authorities, one of which has to have signed a client's certificate; None asks for none."""


@dataclass(frozen=True)
class _Content:
    cert: bytes
    key: bytes
    client_ca: bytes | None

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(self.key, self.cert)], root_certificates=self.client_ca
        )


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that follow their files: a new connection gets what is there then.

    What is there and no good, as while one of two files is replaced, is logged once, and
    what was good last is used on. Connections that are open stay as they are.

    Raises:
        CredentialsError: The files are no good to begin with.
    """
    following = _Following(files)
    return grpc.dynamic_ssl_server_credentials(
        following.content.configuration(),
        following.changed,  # type: ignore[arg-type]  # None, for no change, is missing in the stub
        files.client_ca is not None,
    )


class _Following:
    """The content of the files, when it was good last. Asked from gRPC's threads."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._complaint = ""
        self.content = _read(files)
        _check(files, self.content)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration if it is another one; asked at each handshake."""
        with self._lock:
            try:
                found = _read(self._files)
                if found == self.content:
                    self._complaint = ""  # a fault that comes again later is told again
                    return None
                _check(self._files, found)
                if _read(self._files) != found:  # replaced meanwhile: not what was checked
                    return None
            except CredentialsError as error:
                if self._complaint_is_new(str(error)):
                    logger.warning("the certificate is kept as it was: %s", error)
                return None
            self.content, self._complaint = found, ""
            logger.info("the certificate in %s is used from now on", self._files.cert)
            return found.configuration()

    def _complaint_is_new(self, complaint: str) -> bool:
        is_new, self._complaint = complaint != self._complaint, complaint
        return is_new


def _read(files: TlsFiles) -> _Content:
    client_ca = None if files.client_ca is None else _bytes(files.client_ca)
    return _Content(_bytes(files.cert), _bytes(files.key), client_ca)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error


def _check(files: TlsFiles, content: _Content) -> None:
    """Try the files as OpenSSL would use them: gRPC itself says nothing of what is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _attempt(
        lambda: context.load_cert_chain(files.cert, files.key, password=""),
        f"{files.cert} and {files.key} are no certificate and its key in PEM form",
    )
    if content.client_ca is not None:
        authorities = content.client_ca.decode("ascii", "replace")
        _attempt(
            lambda: context.load_verify_locations(cadata=authorities),
            f"{files.client_ca} holds no authorities in PEM form",
        )


def _attempt(load: Callable[[], object], complaint: str) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise CredentialsError(complaint) from error
