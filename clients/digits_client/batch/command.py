"""A command line of ``digits-batch``, from its arguments to its exit status."""

import asyncio
import contextlib
import gc
import io
import sys
from collections.abc import Sequence

from digits.standard_streams import discard, tell
from digits_client.cli.server_options import ServerOptions
from digits_client.embedded import embedded_server
from digits_client.errors import DigitsError

from . import parquet
from .errors import UnusableFileError, UsageError
from .inputs import check_lists, check_paths, find_items
from .interrupts import (
    EXIT_SIGNALED,
    InterruptedRunError,
    call_on_signal,
    exit_on_signal,
    raise_on_signal,
)
from .options import Options, parse
from .run import Run
from .wording import counted

EXIT_ALL_RECOGNIZED = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Raises:
        InterruptedRunError: A signal has arrived where no row is at stake.
    """
    options = parse(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As in files, whatever the locale and the system; file names are bytes.
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    _import_for(options)
    try:
        raise_on_signal()
        return _print_paths(options) if options.is_dry_run else _recognize(options)
    except UsageError as error:
        return _fail(error, EXIT_USAGE)
    except OSError as error:
        if error.filename is None:
            discard(sys.stdout)
            if isinstance(error, BrokenPipeError):  # its reader has closed it
                return EXIT_SOME_FAILED
        target = error.filename or options.output or "standard output"
        return _fail(f"cannot write {target}: {error.strerror}", EXIT_USAGE)
    finally:
        exit_on_signal()


def _import_for(options: Options) -> None:
    """Import what the run needs at its end, while a signal still ends the process at once.

    Modules may swallow an exception that is raised while they are initialized.
    """
    if options.report and not options.is_dry_run:
        from . import html_report  # noqa: F401
    if options.row_format == "parquet" and not options.is_dry_run:
        parquet.load()


def _print_paths(options: Options) -> int:
    check_lists(options)
    check_paths(options)
    count = 0
    for item in find_items(options):
        print(item.path, end=options.separator.decode())  # noqa: T201 - a command prints
        count += 1
    sys.stdout.flush()
    tell(f"{counted(count, 'image')} would be recognized")
    return EXIT_ALL_RECOGNIZED


def _recognize(options: Options) -> int:
    # What was imported stays until the end. Looking for garbage in it takes as long as to recognize
    # hundreds of images, most of it at exit.
    gc.freeze()
    with Run(options) as run:
        run.check_paths()
        try:
            with contextlib.ExitStack() as stack:
                server = options.server or ServerOptions(stack.enter_context(embedded_server()))
                received = _recognize_until_signal(run, server)
            run.finish(is_complete=received is None)
        except DigitsError as error:
            run.finish(is_complete=False)
            return _fail(f"{error}{run.resume_hint()}", EXIT_SERVER_FAILED)
        except UnusableFileError as error:
            run.finish(is_complete=False)
            return _fail(f"{error}{run.resume_hint()}", EXIT_USAGE)
        except InterruptedRunError as error:
            return _fail(f"interrupted{run.resume_hint()}", EXIT_SIGNALED + error.number)
        if received is None:
            run.check_found()
        for line in run.summary():
            tell(line)
        if received is not None:
            return _fail(f"interrupted{run.resume_hint()}", EXIT_SIGNALED + received)
        return EXIT_SOME_FAILED if run.has_failed else EXIT_ALL_RECOGNIZED


def _recognize_until_signal(run: Run, server: ServerOptions) -> int | None:
    """Recognize the images, and return the signal that ended the run early, if any.

    The first signal lets the images in flight complete, a second one cancels them, and a third
    one ends the process at once.

    Raises:
        InterruptedRunError: There was a second signal.
    """
    received: list[int] = []
    try:
        asyncio.run(_recognize_until(received, run, server))
    except asyncio.CancelledError:
        raise InterruptedRunError(received[0]) from None
    finally:
        raise_on_signal()
    return received[0] if received else None


async def _recognize_until(received: list[int], run: Run, server: ServerOptions) -> None:
    """Recognize the images, and add each signal that arrives to a list."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    recognizing = asyncio.ensure_future(run.recognize(server, stopping))

    def stop() -> None:
        stopping.set()
        if len(received) > 1:
            recognizing.cancel()

    def receive(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            exit_on_signal()
        with contextlib.suppress(RuntimeError):  # the loop is closed, so all is recognized
            loop.call_soon_threadsafe(stop)

    # Not by the event loop, which has no signal handlers on Windows.
    call_on_signal(receive)
    await recognizing


def _fail(reason: object, status: int) -> int:
    tell(f"digits-batch: {reason}")
    return status
