"""The command ``digits-web``: serve a page to draw on, and HTTP for other programs."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Sequence
from typing import Final

from digits.address import join_address
from digits.command_parser import CommandParser
from digits.extras import MissingExtraError, require
from digits.settings import SettingsError
from digits.standard_streams import allow_any_text, discard, open_closed_streams
from digits_client.cli.exit_options import add_exit_options
from digits_client.cli.server_options import ServerOptions, add_options
from digits_client.embedded import embedded_server
from digits_client.errors import DigitsError

from .logs import configure_logging
from .settings import Settings

EXIT_STOPPED: Final = 0
EXIT_NOT_STARTED: Final = 1
EXIT_USAGE: Final = 2
EXIT_SERVER_FAILED: Final = 3
EXIT_INTERRUPTED: Final = 128 + signal.SIGINT

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
    open_closed_streams(can_be_used=True)
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
    try:
        with contextlib.ExitStack() as stack:
            server = named or ServerOptions(stack.enter_context(embedded_server()))
            return _serve(settings, server, opens_browser=not parsed.no_open)
    except DigitsError as error:
        return _fail(error, EXIT_SERVER_FAILED)
    except KeyboardInterrupt:  # while the digits server starts
        return _fail("interrupted", EXIT_INTERRUPTED)


def _serve(settings: Settings, server: ServerOptions, *, opens_browser: bool) -> int:
    # Imported only now: the help and wrong usage do not need it, and it needs the extra.
    from .listeners import listening
    from .workers import WorkerError, run_workers

    with contextlib.ExitStack() as stack:
        try:
            listeners = stack.enter_context(
                listening(settings.host, settings.port, settings.workers)
            )
        except OSError as error:
            address = join_address(settings.host, settings.port)
            return _fail(f"cannot listen on {address}: {error.strerror}", EXIT_NOT_STARTED)
        url = settings.url(listeners[0].getsockname()[1])

        def notify() -> None:
            try:
                print(url, flush=True)
            except OSError:  # such as a full disk: the page is served all the same
                discard(sys.stdout)
            if opens_browser:
                # In a thread, because a browser in the terminal would not return.
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        if settings.workers > 1:
            configure_logging(settings.log_level)
            try:
                run_workers(settings, server, listeners, notify)
            except WorkerError as error:
                return _fail(error, EXIT_NOT_STARTED)
            return EXIT_STOPPED
        from .serve import serve

        configure_logging(settings.log_level)
        has_started = serve(settings, server, listeners[0], notify)
        return EXIT_STOPPED if has_started else EXIT_NOT_STARTED


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
    Settings.add_flags(parser.add_argument_group("gateway"))
    parser.add_argument("--no-open", action="store_true", help="do not open a browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
