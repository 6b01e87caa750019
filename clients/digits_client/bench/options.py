"""The options of a measurement, parsed from the command line of ``digits-bench``."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from digits_client.cli.server_options import ServerOptions

from .convergence import Repeats
from .image_kinds import ImageKind
from .parser import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_CALLERS,
    DEFAULT_DRAWINGS_PER_SECOND,
    DEFAULT_IMAGES,
    build_parser,
)
from .schedule import Arrivals
from .workload import CallKind, Workload


@dataclass(frozen=True)
class Options:
    """The parsed command line."""

    server: ServerOptions | None
    """None for a private server."""
    workload: Workload
    max_errors: float
    """Share of images that may fail."""
    json: Path | None
    plot: Path | None
    compare: Path | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Return the options; wrong usage exits with 2."""
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    kind = CallKind(parsed.kind)
    _check(parser, parsed, kind)
    is_stream = kind is CallKind.STREAM
    default_image = DEFAULT_IMAGES.get(kind, ImageKind.RAW28)
    rate = parsed.rate or (DEFAULT_DRAWINGS_PER_SECOND if is_stream else None)
    arrivals = parsed.arrivals or (Arrivals.CONSTANT if is_stream else Arrivals.POISSON)
    min_count, max_count = parsed.repeats
    workload = Workload(
        kind=kind,
        callers=parsed.concurrency or DEFAULT_CALLERS[kind],
        rate=rate,
        arrivals=Arrivals(arrivals),
        seed=parsed.seed,
        images=parsed.folder or ImageKind(parsed.image or default_image),
        batch_size=(parsed.images or DEFAULT_BATCH_SIZE) if kind is CallKind.BATCH else 1,
        processes=parsed.processes,
        connections=parsed.connections,
        timeout_seconds=parsed.timeout,
        warmup_seconds=parsed.warmup,
        repeat_seconds=parsed.seconds,
        repeats=Repeats(min_count, max_count, parsed.stable_within),
    )
    if not workload.is_open_loop:
        workload = replace(workload, processes=min(workload.processes, workload.callers))
    return Options(
        server=ServerOptions.of(parser, parsed),
        workload=workload,
        max_errors=parsed.max_errors,
        json=parsed.json,
        plot=parsed.plot,
        compare=parsed.compare,
    )


def _check(parser: argparse.ArgumentParser, parsed: argparse.Namespace, kind: CallKind) -> None:
    if parsed.rate and parsed.concurrency and kind is not CallKind.STREAM:
        parser.error("--rate and --concurrency exclude each other, except with --kind stream")
    if parsed.arrivals and not parsed.rate and kind is not CallKind.STREAM:
        parser.error("--arrivals: needs --rate")
    if parsed.images and kind is not CallKind.BATCH:
        parser.error("--images: needs --kind batch")
    if kind is CallKind.NOOP and (parsed.image or parsed.folder):
        parser.error("--kind noop sends no images")
    if parsed.folder and not parsed.folder.is_dir():
        parser.error(f"argument --folder: {parsed.folder} is not a folder")
    for path in filter(None, (parsed.json, parsed.plot)):
        # Fail before the measurement, not after it.
        if path.is_dir() or not path.absolute().parent.is_dir():
            parser.error(f"cannot write {path}")
