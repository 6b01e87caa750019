"""TLS credentials that are reloaded when their files change."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import grpc

from digits.credential_files import CredentialsError, ReloadedFiles
from digits.tls_files import TlsContent, TlsFiles

from .certificate_dates import CertificateDates

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Valid:
    """Content that can be used, and the dates of its certificate."""

    content: TlsContent
    dates: CertificateDates


class ServerCertificate:
    """The certificate, its key and the CA bundle that new connections use.

    Changed files are used unless they are invalid, as while one of two is replaced, or their
    certificate has expired or is not valid yet while the current one is. Open connections are
    not affected.
    """

    def __init__(self, paths: TlsFiles, now: Callable[[], float] = time.time) -> None:
        """Read the files.

        Args:
            paths: Paths of the files.
            now: The time, in seconds since 1970.

        Raises:
            CredentialsError: The files are invalid.
        """
        self._paths = paths
        self._now = now
        self._last_problem: str | None = None
        self.files: Final = ReloadedFiles("certificate", self._load)
        self._lock = threading.Lock()
        self._configured = self.files.value

    @property
    def end_seconds(self) -> float:
        """The end of the validity of the certificate in use, in seconds since 1970."""
        return self.files.value.dates.end_seconds

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow the files with each new connection."""
        return grpc.dynamic_ssl_server_credentials(
            _configuration(self._configured.content),
            self._changed_configuration,  # type: ignore[arg-type]  # the stub lacks None: unchanged
            self._paths.client_ca is not None,
        )

    def _changed_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the new configuration, or None if it is unchanged.

        gRPC calls this in its threads at each handshake, so it must not read files.
        """
        with self._lock:
            valid = self.files.value
            if valid is self._configured:
                return None
            self._configured = valid
            return _configuration(valid.content)

    def _load(self, current: _Valid | None) -> _Valid:
        content = self._paths.read()
        if current is None:
            return _Valid(content, _check(self._paths, content))
        current_problem = current.dates.problem_at(self._now())
        self._warn(current_problem)
        if content == current.content:
            return current
        changed = _Valid(content, _check(self._paths, content))
        problem = changed.dates.problem_at(self._now())
        if problem is not None and current_problem is None:
            raise CredentialsError(f"the certificate in {self._paths.cert} {problem}")
        if self._paths.read() != content:  # changed since: this content is unchecked
            return current
        logger.info("now using the certificate in %s", self._paths.cert)
        return changed

    def _warn(self, problem: str | None) -> None:
        if problem is not None and problem != self._last_problem:
            logger.warning("clients reject the certificate in use, which %s", problem)
        self._last_problem = problem


def _configuration(content: TlsContent) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(content.key, content.cert)], root_certificates=content.client_ca
    )


def _check(paths: TlsFiles, content: TlsContent) -> CertificateDates:
    """Load the files with OpenSSL, because gRPC does not report what is wrong with them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    paths.load_into(context, content)
    try:
        # Comments may have any characters.
        return CertificateDates.of_server(context, content.cert.decode("ascii", "ignore"))
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise CredentialsError(
            f"the certificate in {paths.cert} is not one that clients accept from a server"
        ) from error
