"""The arguments of ``digits-batch``, and its help."""

import argparse
from pathlib import Path
from typing import Final, get_args

from digits.command_parser import CommandParser
from digits_client.bulk.retry import GIVE_UP_SECONDS
from digits_client.cli.arguments import positive_number, share
from digits_client.cli.exit_options import add_exit_options, complete_files
from digits_client.cli.server_options import add_options

from .arguments import share_or_percent
from .columns import DIGITS
from .formats import Format

UNSURE_BELOW: Final = 0.8

DESCRIPTION: Final = (
    "Recognize the handwritten digits in many image files: one digit or one number per image."
)
EPILOG: Final = """\
exit status:
  0    all images recognized
  1    some images failed (each has a row with its error), or the accuracy is below
       --min-accuracy
  2    wrong usage, a path that names no file, or no image at all
  3    the server is unreachable, timed out, or denied access
  130  interrupted (143 by SIGTERM)

examples:
  digits-batch scans/
  digits-batch 'cells/**/*.png' --output results.csv
  digits-batch scans.zip --output results.jsonl --resume
  digits-batch scans/ --pages --output pages.csv
  digits-batch scans/ --report report.html --link-to sorted/
  digits-batch meters/ --numbers --output readings.csv
  digits-batch labeled/ --min-accuracy 98% > results.txt
  find scans/ -name '*.png' -print0 | digits-batch - --null --format csv
  digits-batch scans/ --errors-to failed.txt || digits-batch --files-from failed.txt
  digits-batch scans/ --server 10.0.0.7:50051,10.0.0.8:50051
"""


def build_parser() -> CommandParser:
    """Return the parser of the command line."""
    parser = CommandParser(
        prog="digits-batch",
        usage="%(prog)s [OPTION ...] PATH ...",  # all options would fill half a screen
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_exit_options(parser)
    _add_inputs(parser)
    parser.add_argument(
        "-n",
        "--numbers",
        action="store_true",
        help="read a number of any length in each image: columns number and digits in place of "
        "digit",
    )
    add_options(parser, otherwise="else a private server for this run")
    parser.add_argument(
        "--give-up-after",
        type=positive_number,
        default=GIVE_UP_SECONDS,
        metavar="SECONDS",
        help=f"give up after this long without a response; default: {GIVE_UP_SECONDS:g}",
    )
    _add_outputs(parser)
    _add_labels(parser)
    return parser


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    paths = parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="image; folder, searched recursively except for hidden files; glob; zip or tar "
        "archive, or a member of one such as scans.zip/a.png; URL such as s3://bucket/scans; or - "
        "for a list of paths on standard input",
    )
    complete_files(paths)
    group = parser.add_argument_group("input")
    lists = group.add_argument(
        "--files-from",
        action="append",
        default=[],
        metavar="FILE",
        help="list of paths, one per line; - for standard input; may be repeated",
    )
    complete_files(lists)
    group.add_argument(
        "-0",
        "--null",
        action="store_true",
        help="end paths with NUL instead of a line feed, in all lists that are read or written",
    )
    group.add_argument(
        "--no-recursive",
        dest="recursive",
        action="store_false",
        help="do not search subfolders",
    )
    group.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="in folders, take only files whose name matches, such as '*.png'; a pattern with a / "
        "is matched against the whole path; may be repeated",
    )
    group.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="skip files and folders that match; may be repeated",
    )
    group.add_argument(
        "--pages",
        action="store_true",
        help="recognize each page of a TIFF, and of a PDF with pip install 'digits[pdf]', as an "
        "image of its own, such as scan.pdf#2",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="only print the paths that would be recognized"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--format",
        choices=get_args(Format),
        help="default: by the name of the output file (.csv, .jsonl, .parquet), else table",
    )
    _add_path(
        group,
        "--output",
        "FILE",
        "write to FILE, which is FILE.part until it is complete, or to a pipe or a device; "
        "default: standard output",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue an interrupted run, or start one if there is none",
    )
    group.add_argument(
        "--top",
        type=int,
        choices=range(1, len(DIGITS) + 1),
        default=0,
        metavar="K",
        help="add columns for the K most probable digits, whatever the verdict",
    )
    group.add_argument(
        "--probabilities", action="store_true", help="add columns for all ten probabilities"
    )
    _add_path(group, "--errors-to", "FILE", "list the images that failed, for --files-from")
    sorting = group.add_mutually_exclusive_group()
    folders = "into a folder for each digit or number, DIR/unsure and DIR/not_a_digit"
    _add_path(sorting, "--move-to", "DIR", f"move the images {folders}", is_folder=True)
    _add_path(sorting, "--link-to", "DIR", f"link the images {folders}", is_folder=True)
    group.add_argument(
        "--unsure-below",
        type=share,
        default=UNSURE_BELOW,
        metavar="P",
        help="confidence below which a digit or a number is unsure: it goes to DIR/unsure and into "
        f"the report's thumbnails; default: {UNSURE_BELOW}",
    )
    _add_path(
        group,
        "--report",
        "FILE.html",
        "write an HTML report: counts, thumbnails, least confident images",
    )
    group.add_argument(
        "--json-progress",
        action="store_true",
        help="write a line of JSON per second to standard error",
    )


def _add_labels(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "labels",
        "Images below a folder named by a digit, or with --numbers by a number, are\n"
        "  compared with the name of the nearest such folder.",
    )
    _add_path(
        group, "--labels", "FILE", "take labels from CSV or JSON lines with path and label instead"
    )
    group.add_argument(
        "--no-labels",
        dest="has_labels",
        action="store_false",
        help="do not compare with the names of folders",
    )
    group.add_argument(
        "--min-accuracy",
        type=share_or_percent,
        metavar="SHARE",
        help="exit with 1 if a smaller share of the labeled images is correct; 0.98 or 98%%",
    )


def _add_path(
    group: argparse._ActionsContainer,
    flag: str,
    placeholder: str,
    text: str,
    *,
    is_folder: bool = False,
) -> None:
    action = group.add_argument(flag, type=Path, metavar=placeholder, help=text)
    complete_files(action, folders_only=is_folder)
