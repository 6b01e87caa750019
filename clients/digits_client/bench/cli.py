"""The command ``digits-bench``: load a server, and tell how much it answers and how fast."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from digits_client.cli.embedded import embedded_server
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError, InvalidImageError
from digits_client.results import Limits, Model

from . import document, plot
from .calls import Kind
from .compare import comparison
from .document import Earlier, UnusableDocumentError
from .options import Options, parse
from .plot import Curve
from .processes import GeneratorError, Processes
from .requests import requests
from .result import Result
from .tables import number, table
from .worker import Progress, sent_images

EXIT_MEASURED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3
EXIT_INTERRUPTED = 128 + signal.SIGINT


class UsageError(Exception):
    """What was asked for cannot be measured."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    options = parse(arguments)
    try:
        earlier = Earlier.read(options.compare) if options.compare else None
        result = _measure(options)
        if result is None:
            return _say("interrupted before anything was measured", EXIT_INTERRUPTED)
        _print(result, earlier)
        _write(result, earlier)
    except (UsageError, InvalidImageError, UnusableDocumentError) as error:
        return _say(error, EXIT_USAGE)
    except GeneratorError as error:
        return _say(error, EXIT_FAILED)
    except DigitsError as error:
        return _say(error, EXIT_SERVER_FAILED)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)
    if result.is_interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if result.has_failed else EXIT_MEASURED


def _measure(options: Options) -> Result | None:
    """Return what was measured, or None where nothing was before it was interrupted."""
    largest = max(map(len, requests(options.kind, sent_images(options), options.images_a_call)))
    with contextlib.ExitStack() as stack:
        server = options.server or ServerOptions(stack.enter_context(embedded_server()))
        model = asyncio.run(_model(server))
        _check(options, largest, model.limits)
        print(f"{_load_in_words(options)}; at most {options.longest_seconds:.0f} s")
        print(f"server {server.address}, model {model.version}", flush=True)
        with Processes(options, server) as processes:
            settling: list[float] = []
            is_interrupted = False
            processes.begin()
            try:
                while not options.repeats.is_over(settling):
                    progress = processes.next_repeat()
                    settling.append(_settling(progress, options))
                    _tell(len(settling), progress, options)
            except KeyboardInterrupt:
                is_interrupted = True
            recordings = processes.stop()
    if is_interrupted:
        recordings = [recording for recording in recordings if recording.seconds and recording.due]
    else:
        recordings = recordings[: len(settling)]
    if not recordings:
        return None
    return Result(options, server.address, model.version, recordings, settling, is_interrupted)


async def _model(server: ServerOptions) -> Model:
    async with server.client() as client:
        return await client.model()


def _check(options: Options, largest_bytes: int, limits: Limits) -> None:
    """Refuse what the server would refuse each time."""
    if options.images_a_call > limits.max_batch_images:
        raise UsageError(f"--images: the server accepts at most {limits.max_batch_images}")
    if largest_bytes > limits.max_message_bytes:
        raise UsageError(
            f"a call has {largest_bytes:,} bytes; the server accepts at most "
            f"{limits.max_message_bytes:,}"
        )


def _settling(progress: Progress, options: Options) -> float:
    """Return what has to settle: the throughput, or where that is given, how much is answered."""
    if options.rate is None:
        return progress.answered / options.seconds
    return progress.answered / progress.due if progress.due else 0.0


def _load_in_words(options: Options) -> str:
    images = str(options.folder) if options.folder else options.drawn.value
    what = {
        Kind.UNARY: f"unary, {images}",
        Kind.BATCH: f"batches of {options.images_a_call}, {images}",
        Kind.STREAM: f"streams, {images}",
        Kind.NOOP: "noop",
    }[options.kind]
    rate = f"{options.rate:g} a second, {options.arrivals.value}" if options.rate else ""
    if options.kind is Kind.STREAM:
        load = f"{options.callers} with {rate}"
    elif options.rate:
        load = f"open loop with {rate}"
    else:
        load = f"closed loop of {options.callers}"
    return f"{what}: {load}; processes: {options.processes}"


def _tell(repeat: int, progress: Progress, options: Options) -> None:
    rate = number(progress.answered / options.seconds)
    print(f"repeat {repeat}: {rate} answers a second", file=sys.stderr, flush=True)


def _print(result: Result, earlier: Earlier | None) -> None:
    print("", table(result), "", *result.notes, sep="\n")
    if earlier:
        print("", *comparison(earlier, result), sep="\n")
    sys.stdout.flush()


def _write(result: Result, earlier: Earlier | None) -> None:
    options = result.options
    try:
        if options.json:
            document.write(options.json, document.document(result))
        if options.plot:
            curves = [Curve("before", earlier.latency)] if earlier else []
            curves.append(Curve("now", result.merged.latency))
            words = f"{_load_in_words(options)}; server {result.address}"
            drawing = plot.svg("Latency by percentile", words, curves)
            options.plot.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error


def _say(what: object, status: int) -> int:
    print(f"digits-bench: {what}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
