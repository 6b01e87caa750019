"""Measures digits and its peers in one run: the same machine, network and images.

    python -m benchmarks.peers.run [--only digits,mosec] [--rounds 5] [--seconds 4]

Rounds go through all contenders, each started anew, one at a time, so that what else the
machine does meets all alike. The load generator shares the cores with the server. Figures go
to a JSON file, every round of them; a table of medians is printed.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.h2load import LoadError
from benchmarks.peers import environments, processes, rounds
from benchmarks.peers.contenders import CONTENDERS, Contender
from benchmarks.peers.images import MANY, Questions, questions
from benchmarks.peers.machine import machine
from benchmarks.peers.rounds import Round
from benchmarks.peers.subjects import MANY_IN_FLIGHT, Program, Service, Subject, SubjectError

REPOSITORY: Final = Path(__file__).parents[2]
VENVS: Final = Path.home() / ".cache" / "digits-benchmarks"
OUT: Final = REPOSITORY / "benchmarks" / "results" / "peers.json"
RATE: Final = 100.0
"""Calls a second at which waiting times are compared: all servers hold it on two cores."""


@dataclass
class Record:
    """A contender, and what its rounds gave."""

    contender: Contender
    python: Path
    versions: dict[str, str] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    in_flight: int = 0
    """The best of it; 0: not sought yet."""

    @property
    def is_hopeless(self) -> bool:
        """Whether it did not even run once."""
        return bool(self.errors) and not self.rounds


def main() -> int:
    """Run."""
    args = _arguments()
    processes.adopt_orphans()
    asked = questions()
    records = [_record(one, args.venvs) for one in _chosen(args.only)]
    with tempfile.NamedTemporaryFile(suffix=".npy") as images:
        np.save(images.name, asked.images)
        for number in range(1, args.rounds + 1):
            for record in records:
                if record.is_hopeless:
                    continue
                _log(f"round {number}: {record.contender.name}")
                try:
                    record.rounds.append(_round(record, asked, images.name, args))
                except (SubjectError, LoadError, OSError) as error:
                    record.errors.append(f"round {number}: {error}")
                    _log(f"    {error}")
                else:
                    _log(f"    {record.rounds[-1]}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(_report(records, args), indent=2) + "\n")
    print(_table(records, args.rate))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--only", default="", help="names, with commas between; default: all")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=4.0, help="of each load; default: 4")
    add("--in-flight", default="32,64,128", help="of which the best is sought")
    add("--rate", type=float, default=RATE, help="calls a second for waiting times")
    add("--venvs", type=Path, default=VENVS, help="folder of the peers' environments")
    add("--out", type=Path, default=OUT)
    return parser.parse_args()


def _chosen(only: str) -> list[Contender]:
    names = {name.strip() for name in only.split(",") if name.strip()}
    # "digits" alone is all ways to run it, whose names go on after it.
    chosen = [one for one in CONTENDERS if not names or {one.name, one.name.split(",")[0]} & names]
    unknown = names - {one.name.split(",")[0] for one in CONTENDERS}
    if unknown:
        raise SystemExit(f"no such contender: {', '.join(sorted(unknown))}")
    return chosen


def _record(contender: Contender, venvs: Path) -> Record:
    if contender.requirements is None:
        record = Record(contender, Path(sys.executable))
    else:
        folder = contender.requirements.parent
        record = Record(contender, venvs / folder.name / "bin" / "python")
        _log(f"environment of {contender.name}")
        try:
            environments.ensure(venvs / folder.name, contender.requirements)
        except environments.InstallError as error:
            record.errors.append(f"not installed: {error}")
            return record
    record.versions = environments.versions(record.python)
    return record


def _round(record: Record, asked: Questions, images: str, args: argparse.Namespace) -> Round:
    contender = record.contender
    port = processes.free_port()
    command = contender.command(record.python, port)
    environment = {"PYTHONPATH": os.fspath(REPOSITORY)}
    if contender.protocol is None:
        command.append(images)
        environment["ANSWERS"] = "1"
    began = time.monotonic()
    with processes.started(command, port, environment) as server:
        subject: Subject
        if contender.protocol is None:
            subject = Program(server, asked)
        else:
            in_flight = tuple(int(number) for number in args.in_flight.split(","))
            subject = Service(server, contender.protocol, asked, in_flight)
        ready_seconds = rounds.wait_ready(subject, began)
        subject.check()
        figures, record.in_flight = rounds.measure(
            subject, ready_seconds, record.in_flight, args.seconds, args.rate
        )
        return figures


def _report(records: list[Record], args: argparse.Namespace) -> dict[str, Any]:
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": {
            "rounds": args.rounds,
            "seconds": args.seconds,
            "rate_calls_per_second": args.rate,
            "images_in_a_batch": MANY,
            "batches_in_flight": MANY_IN_FLIGHT,
        },
        "contenders": [_contender_report(record, args.rate) for record in records],
    }


def _contender_report(record: Record, rate: float) -> dict[str, Any]:
    return {
        "name": record.contender.name,
        "errors": record.errors,
        "in_flight": record.in_flight,
        **(rounds.summary(record.rounds, rate) if record.rounds else {}),
        "rounds": rounds.as_json(record.rounds),
        "versions": record.versions,
    }


def _table(records: list[Record], rate: float) -> str:
    lines = [
        f"| | calls/s (in flight) | p50 alone | p99 at {rate:g}/s | images/s by {MANY} "
        "| memory | ready |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for record in records:
        name = record.contender.name
        if not record.rounds:
            lines.append(f"| {name} | {' '.join(record.errors[0].split())[:200]} | | | | | |")
            continue
        result = rounds.summary(record.rounds, rate)
        median = result["median"]
        held = "" if result["rate_held"] else f" ({median['rate_calls_per_second']:.0f}/s)"
        lines.append(
            f"| {name} | {median['calls_per_second']:,.0f} ({record.in_flight}) "
            f"| {median['alone_p50_ms']:.2f} ms | {median['rate_p99_ms']:.1f} ms{held} "
            f"| {median['batch_images_per_second']:,.0f} | {median['memory_mb']:,.0f} MB "
            f"| {median['ready_seconds']:.1f} s |"
        )
    return "\n".join(lines)


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
