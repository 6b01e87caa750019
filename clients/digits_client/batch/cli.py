"""The command ``digits-batch``: recognize the digit in each of many image files."""

import argparse
import asyncio
import contextlib
import importlib.metadata
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from digits_client.connection import Connection, add_options
from digits_client.embedded import embedded_server
from digits_client.errors import DigitsError

from .inputs import files
from .pipeline import rows
from .rows import RowWriter, writer

EXIT_ALL_ANSWERED = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER_FAILED = 3
EXIT_INTERRUPTED = 130

DESCRIPTION = "Recognize the handwritten digit in each of many image files."
EPILOG = """\
exit status: 0 all answered, 1 some images failed (each has a row that says why),
2 wrong usage, 3 the server cannot be reached or gave up

examples:
  digits-batch scans/
  digits-batch 'cells/**/*.png' --format csv --output answers.csv
  find . -name '*.jpg' | digits-batch - --server 10.0.0.7:50051 --format jsonl
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    named = Connection.of(parser, parsed)
    for stream in filter(None, (sys.stdin, sys.stdout)):  # None where it was closed
        stream.reconfigure(errors="surrogateescape")  # file names are bytes
    try:
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(_output(parsed.output))
            server = named or Connection(stack.enter_context(embedded_server()))
            row_writer = writer(parsed.format, out)
            tally = asyncio.run(_run(server, parsed.paths, row_writer))
            out.flush()
    except DigitsError as error:
        print(f"digits-batch: {error}", file=sys.stderr)
        return EXIT_SERVER_FAILED
    except BrokenPipeError:
        # Whoever read the rows has enough of them. The interpreter would try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SOME_FAILED
    except OSError as error:
        where = error.filename or parsed.output or "standard output"
        print(f"digits-batch: cannot write {where}: {error.strerror}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("digits-batch: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    print(tally, file=sys.stderr)
    return EXIT_SOME_FAILED if tally.failed_count else EXIT_ALL_ANSWERED


class _Tally:
    """Counts for the closing line."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._counts: Counter[str] = Counter()

    def add(self, what: str) -> None:
        self._counts[what] += 1

    @property
    def failed_count(self) -> int:
        return self._counts["error"]

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        total = self._counts.total()
        counts = ", ".join(
            f"{self._counts[what]:,} {text}"
            for what, text in (
                ("digit", "digits"),
                ("not_a_digit", "not a digit"),
                ("blank", "blank"),
                ("error", "failed"),
            )
            if self._counts[what]
        )
        rate = total / seconds if seconds else 0
        return f"{total:,} images in {seconds:.1f} s ({rate:,.0f} a second): {counts or 'none'}"


async def _run(server: Connection, paths: Sequence[str], row_writer: RowWriter) -> _Tally:
    progress = tqdm(
        unit=" images",
        disable=not sys.stderr.isatty(),
        total=None if "-" in paths else await asyncio.to_thread(_count, paths),
        leave=False,
    )
    try:
        async with server.client() as client:
            tally = _Tally()
            with progress:
                async for row in rows(client, files(paths, sys.stdin or ())):
                    row_writer.write(row)
                    tally.add(str(row.values()["verdict"] or "error"))
                    progress.update()
    finally:
        row_writer.finish()
    return tally


def _count(paths: Sequence[str]) -> int:
    return sum(1 for _ in files(paths, ()))


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    """Give standard output, or a file that takes its name only when it is complete.

    Until then, and after a run that failed, its rows are in ``<name>.part``.
    """
    if path is None:
        yield sys.stdout
        return
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        yield out
    part.replace(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits-batch",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="an image; a folder, with all that is below it but hidden files; a glob; "
        "or - for a list on standard input, a path a line",
    )
    add_options(parser, otherwise="else a private server for this run")
    parser.add_argument(
        "--format", choices=("table", "csv", "jsonl"), default="table", help="default: table"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="complete or not there: until then FILE.part; default: standard output",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
