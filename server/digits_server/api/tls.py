"""TLS credentials that are reloaded when their files change."""

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
    """Paths of the server's credentials, all in PEM format."""

    cert: Path
    """Certificate chain: the server's certificate, then its intermediate certificates."""
    key: Path
    client_ca: Path | None = None
    """CA bundle for verifying client certificates; None does not require one."""


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
    """Return credentials that use the current content of the files for each new connection.

    If the files become invalid, as while one of two is replaced, the last valid content stays
    in use and one warning is logged. Open connections are not affected.

    Raises:
        CredentialsError: The files are invalid now.
    """
    reloader = _Reloader(files)
    return grpc.dynamic_ssl_server_credentials(
        reloader.content.configuration(),
        reloader.changed_configuration,  # type: ignore[arg-type]  # the stub lacks None: unchanged
        files.client_ca is not None,
    )


class _Reloader:
    """Keeps the last valid content of the files. Thread-safe: gRPC calls it from its threads."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._last_warning = ""
        self.content = _read(files)
        _check(files, self.content)

    def changed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration, or None if it is unchanged; runs at each handshake."""
        with self._lock:
            try:
                content = _read(self._files)
                if content == self.content:
                    self._last_warning = ""  # so that the same problem is logged if it recurs
                    return None
                _check(self._files, content)
                if _read(self._files) != content:  # changed since: this content is unchecked
                    return None
            except CredentialsError as error:
                if str(error) != self._last_warning:
                    logger.warning("the previous certificate stays in use: %s", error)
                self._last_warning = str(error)
                return None
            self.content, self._last_warning = content, ""
            logger.info("now using the certificate in %s", self._files.cert)
            return content.configuration()


def _read(files: TlsFiles) -> _Content:
    client_ca = None if files.client_ca is None else _read_bytes(files.client_ca)
    return _Content(_read_bytes(files.cert), _read_bytes(files.key), client_ca)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{path} cannot be read: {error.strerror}") from error


def _check(files: TlsFiles, content: _Content) -> None:
    """Load the files with OpenSSL, because gRPC does not report what is wrong with them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _try_to_load(
        lambda: context.load_cert_chain(files.cert, files.key, password=""),
        f"{files.cert} and {files.key} are not a matching certificate and key in PEM format",
    )
    if content.client_ca is not None:
        authorities = content.client_ca.decode("ascii", "replace")
        _try_to_load(
            lambda: context.load_verify_locations(cadata=authorities),
            f"{files.client_ca} contains no CA certificates in PEM format",
        )


def _try_to_load(load: Callable[[], object], message: str) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise CredentialsError(message) from error
