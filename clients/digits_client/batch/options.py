"""The options of a run, parsed from the command line of ``digits-batch``."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digits_client.cli.server_options import ServerOptions
from digits_client.sources import Selection, with_slashes

from . import parquet
from .columns import Columns
from .formats import Format, format_of
from .parser import build_parser


@dataclass(frozen=True)
class Options:
    """The parsed command line."""

    paths: tuple[str, ...]
    """The paths on the command line; ``-`` is a list on standard input."""
    lists: tuple[str, ...]
    """Files that list paths."""
    separator: bytes
    """The byte that ends each path in a list."""
    selection: Selection
    has_pages: bool
    """Whether each page of a file is an image."""
    server: ServerOptions | None
    """None for a private server."""
    give_up_seconds: float
    row_format: Format
    output: Path | None
    """None for standard output."""
    resumes: bool
    are_numbers: bool
    """Whether each image holds a number."""
    columns: Columns
    errors_to: Path | None
    move_to: Path | None
    link_to: Path | None
    unsure_below: float
    report: Path | None
    has_labels: bool
    labels: Path | None
    """A file of labels; None for the names of folders."""
    min_accuracy: float | None
    is_dry_run: bool
    has_json_progress: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options; wrong usage exits with 2."""
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    row_format: Format = parsed.format or format_of(parsed.output)
    _check(parser, parsed, row_format)
    outputs = [parsed.output, parsed.errors_to, parsed.report, parsed.move_to, parsed.link_to]
    return Options(
        paths=tuple(parsed.paths),
        lists=tuple(parsed.files_from),
        separator=b"\0" if parsed.null else b"\n",
        selection=Selection(
            recursive=parsed.recursive,
            include=tuple(map(with_slashes, parsed.include)),
            exclude=tuple(map(with_slashes, parsed.exclude)),
            excluded_paths=_output_paths(outputs, parsed.paths),
            only_images=True,
        ),
        has_pages=parsed.pages,
        server=ServerOptions.of(parser, parsed),
        give_up_seconds=parsed.give_up_after,
        row_format=row_format,
        output=parsed.output,
        resumes=parsed.resume,
        are_numbers=parsed.numbers,
        columns=Columns(parsed.top, parsed.probabilities, parsed.numbers),
        errors_to=parsed.errors_to,
        move_to=parsed.move_to,
        link_to=parsed.link_to,
        unsure_below=parsed.unsure_below,
        report=parsed.report,
        has_labels=parsed.has_labels,
        labels=parsed.labels,
        min_accuracy=parsed.min_accuracy,
        is_dry_run=parsed.dry_run,
        has_json_progress=parsed.json_progress,
    )


def _output_paths(outputs: Sequence[Path | None], inputs: Sequence[str]) -> frozenset[str]:
    """Return the paths that the run writes, so that it does not read them as images.

    An output that contains an input, as when sorted images are sorted again, is left out.
    """
    input_paths = [os.path.realpath(path) for path in inputs]
    return frozenset(
        output + ending
        for output in (os.path.realpath(path) for path in outputs if path is not None)
        if not any(f"{path}{os.sep}".startswith(f"{output}{os.sep}") for path in input_paths)
        for ending in ("", ".part")
    )


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace, row_format: Format) -> None:
    if not parsed.paths and not parsed.files_from:
        parser.error("name an image, a folder, a glob, an archive, or a list")
    if row_format == "parquet":
        if parsed.output is None:
            parser.error("--format parquet: needs --output")
        if not parquet.is_available():
            wanted = "--format parquet" if parsed.format else f"--output {parsed.output}"
            parser.error(f"{wanted}: needs PyArrow: pip install 'digits[parquet]'")
    if parsed.resume and (parsed.output is None or row_format == "table"):
        parser.error("--resume: needs --output, and --format csv, jsonl or parquet")
    # Fail before the run, not after it. Sorting may create the folder of the report.
    sorts = parsed.move_to or parsed.link_to
    if parsed.report and (
        parsed.report.is_dir() or not (sorts or parsed.report.absolute().parent.is_dir())
    ):
        parser.error(f"--report: cannot write {parsed.report}")
    if parsed.numbers and (parsed.top or parsed.probabilities):
        parser.error("--numbers: has no columns for --top and --probabilities")
    if parsed.labels and not parsed.has_labels:
        parser.error("--labels and --no-labels exclude each other")
    if parsed.min_accuracy is not None and not parsed.has_labels:
        parser.error("--min-accuracy: needs labels")
