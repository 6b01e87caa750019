"""The command ``digits-bench``: measure the throughput and latency of a server under load."""

import contextlib
import sys
from collections.abc import Sequence
from signal import SIGINT

from digits.standard_streams import allow_any_text, discard, open_closed_streams, tell
from digits_client.atomic_file import atomic_write
from digits_client.cli.server_options import ServerOptions
from digits_client.embedded import embedded_server
from digits_client.errors import DigitsError, InvalidImageError
from digits_client.results import Model

from . import plot, result_file
from .compare import compare
from .options import Options, parse
from .plot import Curve
from .processes import GeneratorError
from .result import Result
from .result_file import Baseline, ResultFileError
from .run import WorkloadError, run_load
from .tables import format_number, result_table
from .worker import Progress

EXIT_MEASURED = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3
EXIT_INTERRUPTED = 128 + SIGINT


class OutputError(Exception):
    """A result cannot be written."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    open_closed_streams()
    allow_any_text()
    options = parse(arguments)
    try:
        baseline = Baseline.read(options.compare) if options.compare else None
        result = _measure(options)
        try:
            _write_files(options, result, baseline)
        finally:
            _print(result, baseline)
    except (WorkloadError, InvalidImageError, ResultFileError, OutputError) as error:
        return _fail(error, EXIT_USAGE)
    except GeneratorError as error:
        return _fail(error, EXIT_FAILED)
    except DigitsError as error:
        return _fail(error, EXIT_SERVER_FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted", EXIT_INTERRUPTED)
    if result.is_interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if result.failed_share > options.max_errors else EXIT_MEASURED


def _measure(options: Options) -> Result:
    repeat_count = 0

    def print_start(model: Model) -> None:
        workload = options.workload
        _show(
            f"{workload}; at most {workload.max_seconds:.0f} s",
            f"server {server.address}, model {model.title}",
        )

    def print_repeat(progress: Progress) -> None:
        nonlocal repeat_count
        repeat_count += 1
        rate = format_number(progress.ok_calls / options.workload.repeat_seconds)
        tell(f"repeat {repeat_count}: {rate} calls/s")

    with contextlib.ExitStack() as stack:
        server = options.server or ServerOptions(stack.enter_context(embedded_server()))
        return run_load(server, options.workload, on_start=print_start, on_repeat=print_repeat)


def _print(result: Result, baseline: Baseline | None) -> None:
    _show("", result_table(result), "", *result.notes)
    if baseline:
        _show("", *compare(baseline, result))


def _show(*lines: str) -> None:
    """Print lines on standard output.

    Raises:
        OutputError: They cannot be written, for instance because their reader has ended.
    """
    try:
        print(*lines, sep="\n", flush=True)
    except OSError as error:
        discard(sys.stdout)
        raise OutputError(f"cannot write standard output: {error.strerror}") from error


def _write_files(options: Options, result: Result, baseline: Baseline | None) -> None:
    try:
        if options.json:
            result_file.write(options.json, result)
        if options.plot:
            curves = [Curve("before", baseline.latency)] if baseline else []
            curves.append(Curve("now", result.recording.latency))
            subtitle = f"{result.workload}; server {result.server.address}"
            drawing = plot.svg("Latency by percentile", subtitle, curves)
            with atomic_write(options.plot) as file:
                file.write(drawing.encode(errors="backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}") from error


def _fail(reason: object, status: int) -> int:
    tell(f"digits-bench: {reason}")
    return status


if __name__ == "__main__":
    sys.exit(main())
