"""Bearer tokens: the accepted ones, in a file."""

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .credential_files import CredentialsError, ReloadedFiles, read_file

logger = logging.getLogger(__name__)

MIN_TOKEN_CHARACTERS: Final = 16


class Tokens:
    """The tokens in a file, one per line, kept as digests.

    The file holds several tokens while one replaces another. Empty lines and lines that start
    with # are ignored.

    While the file cannot be read or is invalid, its last tokens stay valid, because a volume may
    be mounted again or the file be written in place. They do not stay valid for ever, because
    removing the file has to revoke them.
    """

    def __init__(
        self, file: Path, grace_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the file.

        Args:
            file: Holds the tokens.
            grace_seconds: Time for which the last tokens stay valid after the file was last valid.
            clock: Seconds on a clock that never goes back.

        Raises:
            CredentialsError: The file cannot be read, holds no token, or holds an invalid one.
        """
        self._file = file
        self._grace_seconds = grace_seconds
        self._are_revoked = False
        self.files: Final = ReloadedFiles("token file", self._load, clock)

    def accepts(self, token: str) -> bool:
        """Return whether a token is valid, in a time that does not depend on the token."""
        if self._have_expired():
            return False
        presented = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        # Compare with every digest, even after a match.
        return sum([hmac.compare_digest(presented, digest) for digest in self.files.value]) > 0

    def _have_expired(self) -> bool:
        # By age, so that it also holds for a file that hangs.
        were_revoked = self._are_revoked
        self._are_revoked = self.files.age_seconds > self._grace_seconds
        if self._are_revoked and not were_revoked:
            logger.error(
                "no token is valid: %s has been unusable for %g s", self._file, self._grace_seconds
            )
        return self._are_revoked

    def _load(self, current: list[bytes] | None) -> list[bytes]:
        digests = _digests(self._file)
        if current is not None and digests != current:
            logger.info("read %d tokens from %s", len(digests), self._file)
        return digests


def _digests(file: Path) -> list[bytes]:
    try:
        lines = read_file(file).decode("ascii").splitlines()
    except ValueError as error:
        raise CredentialsError(f"{file} contains characters other than ASCII") from error
    tokens = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not tokens:
        raise CredentialsError(f"{file} contains no token")
    for number, token in enumerate(tokens, 1):
        if len(token) < MIN_TOKEN_CHARACTERS or not token.isprintable() or " " in token:
            raise CredentialsError(
                f"token {number} in {file} must be at least {MIN_TOKEN_CHARACTERS} printable "
                "characters without spaces"
            )
    return [hashlib.sha256(token.encode()).digest() for token in tokens]
