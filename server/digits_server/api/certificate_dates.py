"""The time in which clients accept a certificate."""

import contextlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which the module ssl does not name.
_NO_CHECK_TIME: Final = 0x200000
_DATES: Final = ("notBefore", "notAfter")


@dataclass(frozen=True)
class CertificateDates:
    """The start and end of a certificate's validity, in seconds since 1970."""

    start_seconds: int
    end_seconds: int

    @classmethod
    def of_server(cls, server: ssl.SSLContext, cert_chain: str) -> Self:
        """Return the dates of the certificate that a server shows its clients.

        The module ssl parses only a certificate that it has verified. So this is a handshake, in
        memory, with a client that trusts the certificate itself.

        Args:
            server: Has the certificate and its key.
            cert_chain: The certificate and its intermediate certificates, in PEM format.

        Raises:
            SSLError: Clients reject the certificate at any time.
        """
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.minimum_version = ssl.TLSVersion.TLSv1_3  # one message from each side is enough
        client.check_hostname = False
        client.load_verify_locations(cadata=cert_chain)
        client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
        to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        client_side = client.wrap_bio(to_client, to_server)
        server_side = server.wrap_bio(to_server, to_client, server_side=True)
        for side in (client_side, server_side):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        client_side.do_handshake()
        certificate = client_side.getpeercert()
        assert certificate is not None  # noqa: S101 - it was verified
        return cls(*(ssl.cert_time_to_seconds(str(certificate[key])) for key in _DATES))

    def problem_at(self, seconds: float) -> str | None:
        """Return why clients reject the certificate at a time, or None if they do not.

        Args:
            seconds: The time, since 1970.

        Returns:
            The rest of a sentence that starts with the certificate.
        """
        if seconds < self.start_seconds:
            return f"is not valid before {_date(self.start_seconds)}"
        if seconds > self.end_seconds:
            return f"expired on {_date(self.end_seconds)}"
        return None


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
