"""Measures all limits and the profile, and writes their result files."""

import sys
from typing import Any, Final

from benchmarks.limits import (
    batch,
    decoding,
    interpreter,
    process,
    profile,
    streaming,
    unary,
    workers,
)
from benchmarks.provenance import provenance
from benchmarks.result_files import write_result

GROUPS: Final = {
    "unary": unary.measure,
    "batch": batch.measure,
    "decoding": decoding.measure,
    "interpreter": interpreter.measure,
    "workers": workers.measure,
    "streaming": streaming.measure,
    "process": process.measure,
}


def main(rounds: int) -> None:
    """Measure, and write ``limits.json`` and ``profile.json``."""
    origin = provenance()
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, measure in GROUPS.items():
        print(f"limits: {name}", file=sys.stderr, flush=True)
        groups[name] = [figure.as_json() for figure in measure(rounds)]
        # Written after each group, so that a later failure loses nothing.
        write_result("limits", {**origin, "rounds": rounds, "groups": groups})
    print("limits: profile", file=sys.stderr, flush=True)
    write_result("profile", {**provenance(), **profile.measure()})
