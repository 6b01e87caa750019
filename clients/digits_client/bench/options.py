"""What can be said on the command line of ``digits-bench``."""

import argparse
import importlib.metadata
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import shtab

from digits_client.cli.server_options import ServerOptions, add_options

from .calls import Kind
from .convergence import Repeats
from .image_kinds import Drawn
from .schedule import Arrivals

CONCURRENCY: Final = {Kind.UNARY: 16, Kind.NOOP: 16, Kind.BATCH: 4, Kind.STREAM: 4}
DRAWINGS_A_SECOND: Final = 30.0
IMAGES_A_BATCH: Final = 64

DESCRIPTION: Final = "Measure how much a digits server answers, and how fast."
EPILOG: Final = """\
exit status: 0 measured, 1 a larger share of images than --max-errors failed other than by
being refused, 2 wrong usage, 3 the server cannot be reached, 130 interrupted (what was
measured by then is printed)

examples:
  digits-bench
  digits-bench --concurrency 64 --image png300
  digits-bench --rate 200 --seconds 10 --json before.json
  digits-bench --rate 200 --seconds 10 --compare before.json --plot latency.svg
  digits-bench --kind batch --images 64 --folder scans/
  digits-bench --kind stream --concurrency 8 --rate 60
  digits-bench --kind noop --server 127.0.0.1:50051
"""


@dataclass(frozen=True)
class Options:
    """What is to be measured."""

    server: ServerOptions | None
    """None for a private server."""
    kind: Kind
    callers: int
    """That each wait for their answer, or streams; 0 where ``rate`` alone says when to call."""
    rate: float | None
    """Calls a second, or drawings a second of each stream; None for callers that wait."""
    arrivals: Arrivals
    seed: int
    images_a_call: int
    drawn: Drawn
    folder: Path | None
    """Of the images; None for drawn ones."""
    processes: int
    connections: int
    """Of each process."""
    timeout_seconds: float
    warmup_seconds: float
    seconds: float
    """Of each repeat."""
    repeats: Repeats
    max_errors: float
    json: Path | None
    plot: Path | None
    compare: Path | None

    @property
    def longest_seconds(self) -> float:
        """How long it takes at most, from when the server is reached."""
        return self.warmup_seconds + self.repeats.most * self.seconds + 2 * self.timeout_seconds

    @property
    def settings(self) -> dict[str, Any]:
        """What two measurements have to share to be compared, by the names of the options."""
        return {
            "kind": self.kind.value,
            "concurrency": self.callers or None,
            "rate": self.rate,
            "arrivals": self.arrivals.value if self.rate else None,
            "seed": self.seed,
            "images": self.images_a_call,
            "image": None if self.folder or self.kind is Kind.NOOP else self.drawn.value,
            "folder": str(self.folder) if self.folder else None,
            "processes": self.processes,
            "connections": self.connections,
            "timeout": self.timeout_seconds,
            "warmup": self.warmup_seconds,
            "seconds": self.seconds,
            "repeats": f"{self.repeats.least}..{self.repeats.most}",
            "stable_within": self.repeats.within,
            "has_tls": bool(self.server and (self.server.tls_ca or self.server.client_cert)),
        }


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return what is said; what cannot be meant ends the command as wrong usage."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    kind = Kind(parsed.kind)
    _check(parser, parsed, kind)
    rate = parsed.rate or (DRAWINGS_A_SECOND if kind is Kind.STREAM else None)
    callers = parsed.concurrency or CONCURRENCY[kind]
    if rate and kind is not Kind.STREAM:
        callers = 0
    evenly = Arrivals.CONSTANT if kind is Kind.STREAM else Arrivals.POISSON
    least, most = parsed.repeats
    return Options(
        server=ServerOptions.of(parser, parsed),
        kind=kind,
        callers=callers,
        rate=rate,
        arrivals=Arrivals(parsed.arrivals or evenly),
        seed=parsed.seed,
        images_a_call=(parsed.images or IMAGES_A_BATCH) if kind is Kind.BATCH else 1,
        drawn=Drawn(parsed.image or Drawn.RAW28),
        folder=parsed.folder,
        processes=min(parsed.processes, callers) if callers else parsed.processes,
        connections=parsed.connections,
        timeout_seconds=parsed.timeout,
        warmup_seconds=parsed.warmup,
        seconds=parsed.seconds,
        repeats=Repeats(least, most, parsed.stable_within),
        max_errors=parsed.max_errors,
        json=parsed.json,
        plot=parsed.plot,
        compare=parsed.compare,
    )


def cores() -> int:
    """Return how many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # where it is not known which


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace, kind: Kind) -> None:
    if parsed.rate and parsed.concurrency and kind is not Kind.STREAM:
        parser.error("--rate and --concurrency exclude each other, but for --kind stream")
    if parsed.arrivals and not parsed.rate and kind is not Kind.STREAM:
        parser.error("--arrivals: needs --rate")
    if parsed.images and kind is not Kind.BATCH:
        parser.error("--images: needs --kind batch")
    if kind is Kind.NOOP and (parsed.image or parsed.folder):
        parser.error("--kind noop sends no images")
    if parsed.folder and not parsed.folder.is_dir():
        parser.error(f"argument --folder: {parsed.folder} is no folder")
    for path in filter(None, (parsed.json, parsed.plot)):
        # Before the load, and not after it.
        if path.is_dir() or not path.absolute().parent.is_dir():
            parser.error(f"{path} cannot be written")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="digits-bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = importlib.metadata.version("digits")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    shtab.add_argument_to(
        parser, "--print-completion", help="print the completion of this command for a shell"
    )
    add_options(parser, otherwise="else a private server for this run")
    _add_load(parser)
    _add_images(parser)
    _add_time(parser)
    _add_outputs(parser)
    return parser


def _add_load(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("load")
    group.add_argument(
        "--kind",
        choices=[kind.value for kind in Kind],
        default=Kind.UNARY.value,
        help="an image a call, many images a call, streams of drawings, or GetModel, which is "
        "the floor; default: unary",
    )
    group.add_argument(
        "--concurrency",
        type=_count,
        metavar="N",
        help="callers that each wait for their answer, or streams; default: 16, for batches and "
        "streams 4",
    )
    group.add_argument(
        "--rate",
        type=_positive,
        metavar="R",
        help="calls a second, whether there are answers or not; or drawings a second of each "
        f"stream (default: {DRAWINGS_A_SECOND:g}). Latencies count from when a call was due",
    )
    group.add_argument(
        "--arrivals",
        choices=[arrivals.value for arrivals in Arrivals],
        help="how those are spread: by chance, as from many people, or evenly; default: poisson, "
        "for streams constant",
    )
    group.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of that chance; default: 1"
    )
    group.add_argument(
        "--processes",
        type=_count,
        default=cores(),
        metavar="N",
        help="that make the load, not more than --concurrency; default: one a core",
    )
    group.add_argument(
        "--connections",
        type=_count,
        default=1,
        metavar="N",
        help="of each process; default: 1",
    )
    group.add_argument(
        "--timeout",
        type=_positive,
        default=10.0,
        metavar="SECONDS",
        help="the deadline of each call; default: 10",
    )


def _add_images(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("images")
    source = group.add_mutually_exclusive_group()
    source.add_argument(
        "--image",
        choices=[drawn.value for drawn in Drawn],
        help="drawn digits: as 28 x 28 gray pixels, these as PNG, or a canvas of 300 x 300 as PNG; "
        "default: raw28",
    )
    folder = source.add_argument(
        "--folder", type=Path, metavar="DIR", help="your own: the first 1,000 image files"
    )
    folder.complete = shtab.DIRECTORY  # type: ignore[attr-defined]  # as shtab wants it
    group.add_argument(
        "--images",
        type=_count,
        metavar="N",
        help=f"in each call of --kind batch; default: {IMAGES_A_BATCH}",
    )


def _add_time(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("time")
    group.add_argument(
        "--warmup",
        type=_not_negative,
        default=2.0,
        metavar="SECONDS",
        help="of load before it is measured; default: 2",
    )
    group.add_argument(
        "--seconds", type=_positive, default=5.0, metavar="S", help="of each repeat; default: 5"
    )
    group.add_argument(
        "--repeats",
        type=_range,
        default=(3, 10),
        metavar="MIN..MAX",
        help="measure until the throughput is stable; or N for as many; default: 3..10",
    )
    group.add_argument(
        "--stable-within",
        type=_share,
        default=0.05,
        metavar="SHARE",
        help="that is, until the last MIN repeats differ by no more than this; default: 0.05",
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    for flag, placeholder, text in (
        ("--json", "FILE", "write all figures, the settings and the histogram"),
        ("--plot", "FILE.svg", "draw the latency by percentile"),
        ("--compare", "OLD.json", "print and draw what --json wrote once beside this"),
    ):
        action = group.add_argument(flag, type=Path, metavar=placeholder, help=text)
        action.complete = shtab.FILE  # type: ignore[attr-defined]
    group.add_argument(
        "--max-errors",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="of images that may fail without exit 1; refused ones do not count; default: 0",
    )


def _count(text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 to 999999")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    least, _, most = text.partition("..")
    found = _count(least), _count(most or least)
    if found[0] > found[1]:
        raise argparse.ArgumentTypeError(f"{text} has a smaller end than begin")
    return found


def _share(text: str) -> float:
    value = _not_negative(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _positive(text: str) -> float:
    value = _not_negative(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


def _not_negative(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number") from None
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not at least 0, or not finite")
    return value
