"""The credentials that the gateway asks of its callers, loaded before it starts."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from digits.credential_files import load_in_thread
from digits.tls_files import TlsFiles
from digits.tokens import Tokens

from .settings import Settings
from .tls import TlsContext


@dataclass(frozen=True)
class Credentials:
    """The accepted tokens and the TLS context; None for what is not set."""

    tokens: Tokens | None
    tls: TlsContext | None

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Read the files that the settings name.

        Raises:
            CredentialsError: A file is invalid, or takes too long to read.
        """
        tokens = tls = None
        if (file := settings.tokens_file) is not None:
            seconds = settings.tokens_grace_seconds
            tokens = asyncio.run(load_in_thread(lambda: Tokens(file, seconds), str(file)))
        if settings.tls_cert is not None and settings.tls_key is not None:
            paths = TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
            tls = asyncio.run(load_in_thread(lambda: TlsContext(paths), str(paths.cert)))
        return cls(tokens, tls)

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Follow changes of the files for as long as the context lasts."""
        with contextlib.ExitStack() as stack:
            if self.tokens is not None:
                stack.enter_context(self.tokens.files.reloading())
            if self.tls is not None:
                stack.enter_context(self.tls.files.reloading())
            yield
