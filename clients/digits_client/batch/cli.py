"""The command ``digits-batch``: recognize the digit in each of many image files."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError

from .errors import UnusableFileError
from .inputs import items
from .options import Options, parse
from .run import Run

EXIT_ALL_ANSWERED = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3
EXIT_SIGNALLED = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parse(arguments)
    for stream in filter(None, (sys.stdin, sys.stdout)):  # None where it was closed
        stream.reconfigure(errors="surrogateescape")  # file names are bytes
    try:
        return _list(options) if options.is_dry_run else _recognize(options)
    except BrokenPipeError:
        # Whoever read the rows has enough of them. The interpreter would try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SOME_FAILED
    except UnusableFileError as error:
        return _say(error, EXIT_USAGE)
    except OSError as error:
        where = error.filename or options.output or "standard output"
        return _say(f"cannot write {where}: {error.strerror}", EXIT_USAGE)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_SIGNALLED + signal.SIGINT)


def _list(options: Options) -> int:
    count = 0
    for item in items(options, _stdin()):
        print(item.path, end=options.separator.decode())
        count += 1
    sys.stdout.flush()
    print(f"{count:,} images would be recognized", file=sys.stderr)
    return EXIT_ALL_ANSWERED


def _recognize(options: Options) -> int:
    with Run(options) as run:
        ended_by: signal.Signals | None = None
        try:
            with contextlib.ExitStack() as stack:
                server = options.server or ServerOptions(stack.enter_context(embedded_server()))
                ended_by = asyncio.run(_answer(run, server))
        except DigitsError as error:
            run.finish(is_complete=False)
            return _say(f"{error}{run.how_to_resume()}", EXIT_SERVER_FAILED)
        run.finish(is_complete=ended_by is None)
        for line in run.summary():
            print(line, file=sys.stderr)
        if ended_by is not None:
            return _say(f"interrupted{run.how_to_resume()}", EXIT_SIGNALLED + ended_by)
        return EXIT_SOME_FAILED if run.has_failed else EXIT_ALL_ANSWERED


async def _answer(run: Run, server: ServerOptions) -> signal.Signals | None:
    """Return what ended it early: a first signal lets what is in flight be answered."""
    stopping = asyncio.Event()
    ended_by: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    answering = asyncio.ensure_future(run.answer(server, _stdin(), stopping))

    def stop(number: signal.Signals) -> None:
        if ended_by:
            answering.cancel()
        ended_by.append(number)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await answering
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    return ended_by[0] if ended_by else None


def _stdin() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin else None


def _say(what: object, status: int) -> int:
    print(f"digits-batch: {what}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
