"""Measure digits and its peers in one run: the same machine, network and images.

    python -m benchmarks.peers.run [--only CONTENDER ...] [--rounds 5] [--seconds 2]

Every round runs each contender once, one at a time, so that other load on the machine affects all
of them alike. The load generator shares the cores with the server. The figures of every round go
to a JSON file. Two tables are printed: the medians relative to the first contender, and the
comparisons that have a target.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import performance_doc
from benchmarks.h2load import LoadError
from benchmarks.peers import environments, process_tree, rounds
from benchmarks.peers.comparison import compare
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.drivers import (
    BATCHES_IN_FLIGHT,
    Driver,
    DriverError,
    ProgramDriver,
    ServerDriver,
)
from benchmarks.peers.reference import BATCH_SIZE, Reference, make_reference
from benchmarks.peers.rounds import Round
from benchmarks.provenance import provenance
from benchmarks.result_files import FOLDER

REPOSITORY: Final = Path(__file__).parents[2]
VENVS: Final = Path.home() / ".cache" / "digits-benchmarks"
RATE: Final = 100.0
"""Calls per second at which latencies are compared: every server sustains it on two cores."""


@dataclass
class Record:
    """A contender and the results of its rounds."""

    contender: Contender
    python: Path
    versions: dict[str, str] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    """The rounds that succeeded, by their number."""
    errors: list[str] = field(default_factory=list)
    in_flight: int = 0
    """The best number of calls in flight; 0 until it is known."""

    @property
    def is_failed(self) -> bool:
        """Whether the contender has failed and has never succeeded."""
        return bool(self.errors) and not self.rounds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = _parse(arguments)
    process_tree.adopt_orphans()
    reference = make_reference()
    chosen = [one for one in contenders() if not args.only or one.key in args.only]
    records = [_prepare(contender, args.venvs) for contender in chosen]
    with tempfile.NamedTemporaryFile(suffix=".npy") as images:
        np.save(images.name, reference.images)
        for number in range(1, args.rounds + 1):
            for record in records:
                if record.is_failed:
                    continue
                _log(f"round {number}: {record.contender.label}")
                try:
                    record.rounds[number] = _measure(record, reference, images.name, args)
                except (DriverError, LoadError, OSError) as error:
                    record.errors.append(f"round {number}: {error}")
                    _log(f"    {error}")
                else:
                    _log(f"    {record.rounds[number]}")
    report = _report(records, args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(performance_doc.peers_table(report))
    print(performance_doc.figures_table(report["figures"]))
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.run", description=(__doc__ or "").partition("\n")[0]
    )
    keys = [contender.key for contender in contenders()]
    parser.add_argument(
        "--only",
        action="extend",
        nargs="+",
        choices=keys,
        metavar="CONTENDER",
        help=f"measure only these contenders, of {', '.join(keys)}; default: all",
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="duration of each load; default: %(default)s"
    )
    parser.add_argument(
        "--in-flight",
        default="32,64,128",
        help="numbers of calls in flight to choose the best from; default: %(default)s",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=RATE,
        help="calls per second at which latencies are compared; default: %(default)s",
    )
    parser.add_argument(
        "--venvs",
        type=Path,
        default=VENVS,
        help="folder of the peers' environments; default: %(default)s",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=FOLDER / "peers.json",
        help="file for the figures; default: %(default)s",
    )
    return parser.parse_args(arguments)


def _prepare(contender: Contender, venvs: Path) -> Record:
    if contender.requirements is None:
        record = Record(contender, Path(sys.executable))
    else:
        folder = contender.requirements.parent
        record = Record(contender, venvs / folder.name / "bin" / "python")
        _log(f"installing {contender.label}")
        try:
            environments.ensure(venvs / folder.name, contender.requirements)
        except environments.InstallError as error:
            record.errors.append(f"not installed: {error}")
            _log(f"    {error}")
            return record
    record.versions = environments.versions(record.python)
    return record


def _measure(record: Record, reference: Reference, images: str, args: argparse.Namespace) -> Round:
    contender = record.contender
    port = process_tree.free_port()
    command = contender.command(record.python, port)
    python_path = filter(None, (os.fspath(REPOSITORY), os.environ.get("PYTHONPATH")))
    environment = {"PYTHONPATH": os.pathsep.join(python_path)}
    is_program = contender.protocol is None
    if is_program:
        command.append(images)
    start = time.monotonic()
    with process_tree.run_server(command, port, environment, has_output=is_program) as server:
        driver: Driver
        if contender.protocol is None:
            driver = ProgramDriver(server, reference)
        else:
            in_flight = tuple(int(number) for number in args.in_flight.split(","))
            driver = ServerDriver(
                server, contender.protocol, reference, in_flight, contender.tolerance
            )
        driver.wait_until_ready()
        ready_seconds = time.monotonic() - start
        driver.check()
        figures, record.in_flight = rounds.measure(
            driver, ready_seconds, record.in_flight, args.seconds, args.rate
        )
        return figures


def _report(records: list[Record], args: argparse.Namespace) -> dict[str, Any]:
    return {
        **provenance(),
        "rounds": args.rounds,
        "settings": {
            "seconds": args.seconds,
            "rate_calls_per_second": args.rate,
            "images_in_a_batch": BATCH_SIZE,
            "batches_in_flight": BATCHES_IN_FLIGHT,
        },
        "contenders": [_contender_report(record, args.rate) for record in records],
        "figures": [
            figure.as_json()
            for figure in compare({record.contender.key: record.rounds for record in records})
        ],
    }


def _contender_report(record: Record, rate: float) -> dict[str, Any]:
    return {
        "key": record.contender.key,
        "label": record.contender.label,
        "errors": record.errors,
        "in_flight": record.in_flight,
        **(rounds.summary(list(record.rounds.values()), rate) if record.rounds else {}),
        "rounds": rounds.as_json(record.rounds),
        "versions": record.versions,
    }


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
