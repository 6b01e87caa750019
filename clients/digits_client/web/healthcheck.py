"""The health check of a gateway's container: ``python3 -m digits_client.web.healthcheck``.

It asks the gateway that has the same ``DIGITS_WEB_...`` variables, at its loopback address. It
exits with status 0 if the gateway is healthy, else with 1 and a line that says why.
"""

import argparse
import contextlib
import http.client
import os
import socket
import ssl
import sys
import urllib.parse
from typing import Final

from digits.settings import SettingsError

from .settings import Settings

TIMEOUT_SECONDS: Final = 4.0
"""Longest wait for each step; below the time limit of the image's health check."""


def failure(settings: Settings) -> str | None:
    """Return what is wrong with the gateway that has these settings; None if it is healthy."""
    url = urllib.parse.urlsplit(settings.url(settings.port))
    host, port = url.hostname or "", settings.port
    try:
        if settings.tls_client_ca is not None:
            # The gateway lets in only clients with a certificate, which this one does not have.
            socket.create_connection((host, port), TIMEOUT_SECONDS).close()
            return None
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        if url.scheme == "https":
            # The certificate is for the name by which others reach the gateway.
            context = ssl._create_unverified_context()  # noqa: S323, SLF001
            connection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_SECONDS, context=context
            )
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url.geturl()} does not respond: {error}"
    return None if status == http.HTTPStatus.OK else f"{url.geturl()}healthz has status {status}"


def main() -> str | None:
    """Check the gateway of this environment, and return what is wrong with it."""
    parser = argparse.ArgumentParser()
    Settings.add_flags(parser)
    try:
        return failure(Settings.resolve(parser.parse_args([]), os.environ))
    except SettingsError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main())
