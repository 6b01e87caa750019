"""The arguments of ``digits-bench``, and its help."""

import argparse
from pathlib import Path
from typing import Final

from digits.arguments import whole_number
from digits.command_parser import CommandParser
from digits_client.cli.arguments import non_negative_number, positive_number, share
from digits_client.cli.exit_options import add_exit_options, complete_files
from digits_client.cli.server_options import add_options

from .image_kinds import ImageKind
from .schedule import Arrivals
from .workload import DEFAULT_REPEATS, CallKind, Workload, usable_cores

DEFAULT_CALLERS: Final = {
    CallKind.UNARY: 16,
    CallKind.NUMBER: 16,
    CallKind.NOOP: 16,
    CallKind.BATCH: 4,
    CallKind.STREAM: 4,
}
# Otherwise raw28.
DEFAULT_IMAGES: Final = {CallKind.NUMBER: ImageKind.PNG600}
DEFAULT_DRAWINGS_PER_SECOND: Final = 30.0
DEFAULT_BATCH_SIZE: Final = 64

DESCRIPTION: Final = "Measure the throughput and latency of a digits server under load."
EPILOG: Final = """\
exit status:
  0    measured
  1    more images failed than --max-errors allows, or a process of the load generator died
  2    wrong usage, or a result that cannot be written
  3    the server is unreachable, timed out, or denied access
  130  interrupted; prints what was measured so far

examples:
  digits-bench
  digits-bench --concurrency 64 --image png300
  digits-bench --rate 200 --seconds 10 --json before.json
  digits-bench --rate 200 --seconds 10 --compare before.json --plot latency.svg
  digits-bench --kind batch --images 64 --folder scans/
  digits-bench --kind number --concurrency 4
  digits-bench --kind stream --concurrency 8 --rate 60
  digits-bench --kind noop --server 127.0.0.1:50051
"""

_count = whole_number(1, 999_999)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = CommandParser(
        prog="digits-bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_exit_options(parser)
    add_options(parser, otherwise="else a private server for this run")
    _add_load(parser)
    _add_images(parser)
    _add_measurement(parser)
    _add_outputs(parser)
    return parser


def _add_load(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("load")
    group.add_argument(
        "--kind",
        choices=[kind.value for kind in CallKind],
        default=CallKind.UNARY.value,
        help="call to measure: unary, one image per call; number, one image of a number per call; "
        "batch, many images per call; stream, streams of drawings; noop, GetModel, as a baseline "
        "without images; default: unary",
    )
    group.add_argument(
        "--concurrency",
        type=_count,
        metavar="N",
        help="closed loop of N callers that each wait for their response, or N streams; "
        "default: 16, for batches and streams 4",
    )
    group.add_argument(
        "--rate",
        type=positive_number,
        metavar="R",
        help="open loop of R calls per second, whether the server keeps up or not, with latency "
        "measured from when a call was due; for streams, drawings per second of each, default: "
        f"{DEFAULT_DRAWINGS_PER_SECOND:g}",
    )
    group.add_argument(
        "--arrivals",
        choices=[arrivals.value for arrivals in Arrivals],
        help="distribution of calls at a rate: poisson, at random like independent people; "
        "constant, at equal intervals; default: poisson, for streams constant",
    )
    group.add_argument(
        "--seed", type=int, default=1, metavar="N", help="seed of poisson arrivals; default: 1"
    )
    group.add_argument(
        "--processes",
        type=_count,
        default=usable_cores(),
        metavar="N",
        help="processes of the load generator, at most one per caller; default: one per core",
    )
    group.add_argument(
        "--connections",
        type=_count,
        default=1,
        metavar="N",
        help="connections per process; default: 1",
    )
    group.add_argument(
        "--timeout",
        type=positive_number,
        default=Workload.timeout_seconds,
        metavar="SECONDS",
        help=f"deadline of each call; default: {Workload.timeout_seconds:g}",
    )


def _add_images(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--image",
        choices=[kind.value for kind in ImageKind],
        help="send drawn digits: raw28, 28x28 gray pixels; png28, the same as PNG; png300, a "
        "300x300 canvas as PNG; png600, numbers of four digits on a canvas of 600x300; default: "
        "raw28, with --kind number png600",
    )
    folder = source.add_argument(
        "--folder", type=Path, metavar="DIR", help="send the first 1,000 image files of a folder"
    )
    complete_files(folder, folders_only=True)
    group.add_argument(
        "--images",
        type=_count,
        metavar="N",
        help=f"images per call with --kind batch; default: {DEFAULT_BATCH_SIZE}",
    )


def _add_measurement(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("measurement")
    group.add_argument(
        "--warmup",
        type=non_negative_number,
        default=Workload.warmup_seconds,
        metavar="SECONDS",
        help=f"load before the first repeat; default: {Workload.warmup_seconds:g}",
    )
    group.add_argument(
        "--seconds",
        type=positive_number,
        default=Workload.repeat_seconds,
        metavar="S",
        help=f"length of each repeat; default: {Workload.repeat_seconds:g}",
    )
    group.add_argument(
        "--repeats",
        type=_repeat_range,
        default=(DEFAULT_REPEATS.min_count, DEFAULT_REPEATS.max_count),
        metavar="MIN..MAX",
        help="repeat until the throughput is stable, or N for a fixed number; default: 3..10",
    )
    group.add_argument(
        "--stable-within",
        type=share,
        default=DEFAULT_REPEATS.tolerance,
        metavar="SHARE",
        help="largest difference between the last MIN repeats that counts as stable; "
        f"default: {DEFAULT_REPEATS.tolerance:g}",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    for flag, placeholder, text in (
        ("--json", "FILE", "write all figures, the settings and the latency histogram"),
        ("--plot", "FILE.svg", "plot the latency by percentile"),
        ("--compare", "OLD.json", "compare with an earlier --json file, in text and --plot"),
    ):
        action = group.add_argument(flag, type=Path, metavar=placeholder, help=text)
        complete_files(action)
    group.add_argument(
        "--max-errors",
        type=share,
        default=0.0,
        metavar="SHARE",
        help="share of images that may fail without exit status 1; images rejected because of "
        "overload do not count; default: 0",
    )


def _repeat_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("..")
    repeats = _count(low), _count(high or low)
    if repeats[0] > repeats[1]:
        raise argparse.ArgumentTypeError(f"{text}: MIN is greater than MAX")
    return repeats
