"""The command ``digits-web``: serve a page to draw on, and HTTP for other programs."""

import argparse
import contextlib
import logging
import os
import sys
import webbrowser
from collections.abc import Callable, Sequence
from typing import Final

from digits.command_parser import CommandParser
from digits.extras import MissingExtraError, require
from digits_client.cli.console import allow_any_text
from digits_client.cli.embedded import embedded_server
from digits_client.cli.exit_options import add_exit_options
from digits_client.cli.server_options import ServerOptions, add_options
from digits_client.errors import CredentialFileError, DigitsError

from .settings import Settings, SettingsError

EXIT_STOPPED: Final = 0
EXIT_NOT_STARTED: Final = 1
EXIT_USAGE: Final = 2
EXIT_SERVER_FAILED: Final = 3

DESCRIPTION: Final = (
    "Serve a page to draw on, and HTTP for other programs, in front of a digits server."
)
EPILOG: Final = """\
Every flag of the gateway has an environment variable: --max-files is DIGITS_WEB_MAX_FILES.
A flag overrides its variable.

The gateway is ready when it prints its URL. On SIGTERM and SIGINT it finishes the requests in
flight and exits.

exit status: 0 stopped by a signal, 1 could not start, 2 invalid usage, 3 no digits server

examples:
  digits-web
  digits-web --server 127.0.0.1:50051 --no-open
  digits-web --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --tokens-file tokens --no-open
  curl --data-binary @seven.png http://127.0.0.1:8080/v1/recognize
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    allow_any_text()
    parser = _parser()
    parsed = parser.parse_args(arguments)
    try:
        settings = Settings.resolve(parsed, os.environ)
        named = ServerOptions.of(parser, parsed)
        require("web")
    except SettingsError as error:
        parser.error(str(error))
    except MissingExtraError as error:
        return _fail(error, EXIT_USAGE)
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn.error").setLevel(max(logging.WARNING, logging.root.level))
    try:
        with contextlib.ExitStack() as stack:
            server = named or ServerOptions(stack.enter_context(embedded_server()))
            return _serve(settings, server, opens_browser=not parsed.no_open)
    except CredentialFileError as error:
        return _fail(error, EXIT_USAGE)
    except DigitsError as error:
        return _fail(error, EXIT_SERVER_FAILED)


def _serve(settings: Settings, server: ServerOptions, *, opens_browser: bool) -> int:
    from .serve import bound_socket, serve

    try:
        listener = bound_socket(settings.host, settings.port)
    except OSError as error:
        reason = error.strerror or error
        return _fail(
            f"cannot listen on {settings.host}:{settings.port}: {reason}", EXIT_NOT_STARTED
        )
    with listener:
        serve(
            settings,
            server,
            listener,
            _notifier(settings, listener.getsockname()[1], opens_browser),
        )
    return EXIT_STOPPED


def _notifier(settings: Settings, port: int, opens_browser: bool) -> Callable[[], None]:
    url = settings.url(port)

    def notify() -> None:
        print(url, flush=True)
        if opens_browser:
            webbrowser.open(url)

    return notify


def _fail(reason: object, status: int) -> int:
    print(f"digits-web: {reason}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(
        prog="digits-web",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_exit_options(parser)
    add_options(parser, otherwise="else a server that is started for this gateway")
    Settings.add_flags(parser)
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
