"""What the settings require of callers and show them: tokens, and a TLS certificate."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from digits.credential_files import ReloadedFiles, load_in_thread
from digits.tls_files import TlsFiles
from digits.tokens import Tokens
from digits_server.ops.metrics import Metrics
from digits_server.settings import Settings

from .tls import ServerCertificate


@dataclass(frozen=True)
class Credentials:
    """The tokens and the certificate of a server, None where it has none."""

    tokens: Tokens | None
    certificate: ServerCertificate | None

    @classmethod
    async def load(cls, settings: Settings, metrics: Metrics) -> Self:
        """Read the files.

        Args:
            settings: Name the files.
            metrics: Show the age of what was read, and when the certificate expires.

        Raises:
            CredentialsError: A file is invalid, or takes too long to read.
        """
        tokens = certificate = None
        if settings.tokens_file is not None:
            file, grace_seconds = settings.tokens_file, settings.tokens_grace_seconds
            tokens = await load_in_thread(lambda: Tokens(file, grace_seconds), str(file))
            _show_age(metrics, "tokens", tokens.files)
        if settings.tls_cert is not None and settings.tls_key is not None:
            paths = TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
            certificate = await load_in_thread(lambda: ServerCertificate(paths), str(paths.cert))
            _show_age(metrics, "certificate", certificate.files)
            metrics.certificate_expiry.set_function(lambda: certificate.end_seconds)
        return cls(tokens, certificate)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Follow changes of the files for as long as the context lasts."""
        with contextlib.ExitStack() as stack:
            for loaded in (self.tokens, self.certificate):
                if loaded is not None:
                    stack.enter_context(loaded.files.reloading())
            yield


def _show_age(metrics: Metrics, name: str, files: ReloadedFiles[Any]) -> None:
    metrics.credentials_age.labels(name).set_function(lambda: files.age_seconds)
