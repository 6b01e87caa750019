"""The command ``digits-batch``: recognize the digits in many image files."""

import asyncio
import contextlib
import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError

from .errors import UsageError
from .inputs import check_paths, find_items
from .options import Options, parse
from .run import Run
from .wording import counted

EXIT_ALL_RECOGNIZED = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3
EXIT_SIGNALED = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where it was closed
        # As in files, whatever the locale; file names are bytes.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        return _print_paths(options) if options.is_dry_run else _recognize(options)
    except UsageError as error:
        return _fail(error, EXIT_USAGE)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            # The reader of standard output has closed it. At exit, the interpreter would write to
            # it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_SOME_FAILED
        target = error.filename or options.output or "standard output"
        return _fail(f"cannot write {target}: {error.strerror}", EXIT_USAGE)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_SIGNALED + signal.SIGINT)


def _print_paths(options: Options) -> int:
    check_paths(options)
    count = 0
    for item in find_items(options, _stdin()):
        print(item.path, end=options.separator.decode())
        count += 1
    sys.stdout.flush()
    print(f"{counted(count, 'image')} would be recognized", file=sys.stderr)
    return EXIT_ALL_RECOGNIZED


def _recognize(options: Options) -> int:
    # What was imported stays until the end. Looking for garbage in it takes as long as to recognize
    # hundreds of images, most of it at exit.
    gc.freeze()
    with Run(options) as run:
        run.check_paths()
        received: signal.Signals | None = None
        try:
            with contextlib.ExitStack() as stack:
                server = options.server or ServerOptions(stack.enter_context(embedded_server()))
                received = asyncio.run(_recognize_until_signal(run, server))
        except DigitsError as error:
            run.finish(is_complete=False)
            return _fail(f"{error}{run.resume_hint()}", EXIT_SERVER_FAILED)
        run.finish(is_complete=received is None)
        if received is None:
            run.check_found()
        for line in run.summary():
            print(line, file=sys.stderr)
        if received is not None:
            return _fail(f"interrupted{run.resume_hint()}", EXIT_SIGNALED + received)
        return EXIT_SOME_FAILED if run.has_failed else EXIT_ALL_RECOGNIZED


async def _recognize_until_signal(run: Run, server: ServerOptions) -> signal.Signals | None:
    """Recognize the images, and return the signal that ended the run early, if any.

    The first signal lets the images in flight complete; a second one cancels them.
    """
    stopping = asyncio.Event()
    received: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    recognizing = asyncio.ensure_future(run.recognize(server, _stdin(), stopping))

    def stop(number: signal.Signals) -> None:
        if received:
            recognizing.cancel()
        received.append(number)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        await recognizing
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    return received[0] if received else None


def _stdin() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin else None


def _fail(reason: object, status: int) -> int:
    print(f"digits-batch: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
