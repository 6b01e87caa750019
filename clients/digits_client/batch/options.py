"""What can be said on the command line of ``digits-batch``."""

import argparse
import importlib.metadata
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import shtab

from digits_client.bulk.retry import GIVE_UP_SECONDS
from digits_client.cli.server_options import ServerOptions, add_options
from digits_client.sources import Selection

from . import parquet
from .columns import DIGITS, Columns
from .formats import Format

UNSURE_BELOW: Final = 0.8
FORMATS: Final = ("table", "csv", "jsonl", "parquet")

DESCRIPTION: Final = "Recognize the handwritten digit in each of many image files."
EPILOG: Final = """\
exit status: 0 all answered, 1 some images failed (each has a row that says why) or
fewer are right than --min-accuracy, 2 wrong usage, 3 the server cannot be reached or
gave up, 130 interrupted

examples:
  digits-batch scans/
  digits-batch 'cells/**/*.png' --format csv --output answers.csv
  digits-batch scans.zip --format jsonl --output answers.jsonl --resume
  digits-batch scans/ --report report.html --link-to sorted/
  digits-batch labelled/ --min-accuracy 0.98 > answers.txt
  find scans/ -name '*.png' -print0 | digits-batch - --null --format csv
  digits-batch scans/ --errors-to failed.txt || digits-batch --files-from failed.txt
  digits-batch scans/ --server 10.0.0.7:50051,10.0.0.8:50051
"""


@dataclass(frozen=True)
class Options:
    """What a run is to do."""

    paths: tuple[str, ...]
    """What stands on the command line; ``-`` for a list on standard input."""
    lists: tuple[str, ...]
    """Files that list paths."""
    separator: bytes
    """What ends a path in lists."""
    selection: Selection
    """What to take below folders."""
    server: ServerOptions | None
    """None for a private server."""
    give_up_seconds: float
    form: Format
    output: Path | None
    resumes: bool
    columns: Columns
    errors_to: Path | None
    move_to: Path | None
    link_to: Path | None
    unsure_below: float
    report: Path | None
    has_labels: bool
    labels: Path | None
    min_accuracy: float | None
    is_dry_run: bool
    has_json_progress: bool

    @property
    def sort_to(self) -> Path | None:
        """The folder that images are sorted into, if they are."""
        return self.move_to or self.link_to


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return what is said; what cannot be meant ends the command as wrong usage."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    _check(parser, parsed)
    outputs = [parsed.output, parsed.errors_to, parsed.report, parsed.move_to, parsed.link_to]
    return Options(
        paths=tuple(parsed.paths),
        lists=tuple(parsed.files_from),
        separator=b"\0" if parsed.null else b"\n",
        selection=Selection(
            recursive=parsed.recursive,
            include=tuple(parsed.include),
            exclude=tuple(parsed.exclude),
            excluded_paths=_left_out(outputs, parsed.paths),
        ),
        server=ServerOptions.of(parser, parsed),
        give_up_seconds=parsed.give_up_after,
        form=cast("Format", parsed.format),
        output=parsed.output,
        resumes=parsed.resume,
        columns=Columns(parsed.top, parsed.probabilities),
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


def _left_out(outputs: Sequence[Path | None], paths: Sequence[str]) -> frozenset[str]:
    """Return what a run writes itself, which is not among its images, unless it is named."""
    names = [os.path.realpath(path) for path in outputs if path is not None]
    meant = [os.path.realpath(path) for path in paths]
    return frozenset(
        name + ending
        for name in names
        if not any(f"{path}/".startswith(f"{name}/") for path in meant)
        for ending in ("", ".part")
    )


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> None:
    if not parsed.paths and not parsed.files_from:
        parser.error("name an image, a folder, a glob, an archive, or a list")
    if parsed.format == "parquet":
        if parsed.output is None:
            parser.error("--format parquet: needs --output")
        if not parquet.is_available():
            parser.error("--format parquet: needs PyArrow: pip install 'digits[parquet]'")
    if parsed.resume and (parsed.output is None or parsed.format == "table"):
        parser.error("--resume: needs --output, and --format csv, jsonl or parquet")
    if parsed.labels and not parsed.has_labels:
        parser.error("--labels and --no-labels exclude each other")
    if parsed.min_accuracy is not None and not parsed.has_labels:
        parser.error("--min-accuracy: needs labels")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits-batch",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    shtab.add_argument_to(
        parser, "--print-completion", help="print the completion of this command for a shell"
    )
    _add_inputs(parser)
    add_options(parser, otherwise="else a private server for this run")
    parser.add_argument(
        "--give-up-after",
        type=_seconds,
        default=GIVE_UP_SECONDS,
        metavar="SECONDS",
        help="how long a server that has been reached may answer nothing; default: "
        f"{GIVE_UP_SECONDS:g}",
    )
    _add_outputs(parser)
    _add_labels(parser)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    paths = parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="an image; a folder, with all that is below it but hidden files; a glob; a zip or "
        "tar archive, or a member of one as scans.zip/a.png; a URL such as s3://bucket/scans; "
        "or - for a list on standard input",
    )
    paths.complete = shtab.FILE  # type: ignore[attr-defined]  # as shtab wants it
    group = parser.add_argument_group("input")
    listed = group.add_argument(
        "--files-from", action="append", default=[], metavar="FILE", help="a list, a path a line"
    )
    listed.complete = shtab.FILE  # type: ignore[attr-defined]
    group.add_argument(
        "-0", "--null", action="store_true", help="lists, also those written, end paths with NUL"
    )
    group.add_argument(
        "--no-recursive",
        dest="recursive",
        action="store_false",
        help="take no folders below those that are named",
    )
    group.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="below folders, only files whose name matches, as '*.png'; or the whole path, "
        "where there is a / in the pattern; may be given again",
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out such files and folders",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="only print the paths that would be recognized"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    _add_file(
        group,
        "--output",
        "FILE",
        "complete or not there: until then FILE.part; default: standard output",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on where an interrupted run ended; begins where there is none",
    )
    group.add_argument(
        "--top",
        type=int,
        choices=range(1, len(DIGITS) + 1),
        default=0,
        metavar="K",
        help="add the K likeliest digits, whatever the verdict",
    )
    group.add_argument("--probabilities", action="store_true", help="add those of all ten digits")
    _add_file(group, "--errors-to", "FILE", "list the images that failed, for --files-from")
    sorting = group.add_mutually_exclusive_group()
    where = "into DIR/0 to DIR/9, DIR/unsure and DIR/not_a_digit"
    _add_file(sorting, "--move-to", "DIR", f"move the images {where}", is_folder=True)
    _add_file(sorting, "--link-to", "DIR", f"link the images {where}", is_folder=True)
    group.add_argument(
        "--unsure-below",
        type=_share,
        default=UNSURE_BELOW,
        metavar="P",
        help=f"a digit of less confidence is unsure; default: {UNSURE_BELOW}",
    )
    _add_file(group, "--report", "FILE.html", "write a page to look at: counts, pictures, doubts")
    group.add_argument(
        "--json-progress", action="store_true", help="a line of JSON a second on standard error"
    )


def _add_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "labels", "Images in folders named 0 to 9 are compared with the name of their folder."
    )
    _add_file(group, "--labels", "FILE", "compare with these: CSV or JSON lines of path and label")
    group.add_argument(
        "--no-labels",
        dest="has_labels",
        action="store_false",
        help="names of folders mean nothing",
    )
    group.add_argument(
        "--min-accuracy",
        type=_share,
        metavar="SHARE",
        help="exit with 1 where a smaller share of the labelled images is right",
    )


def _add_file(
    group: argparse._ActionsContainer,
    flag: str,
    placeholder: str,
    text: str,
    *,
    is_folder: bool = False,
) -> None:
    action = group.add_argument(flag, type=Path, metavar=placeholder, help=text)
    action.complete = shtab.DIRECTORY if is_folder else shtab.FILE  # type: ignore[attr-defined]


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
