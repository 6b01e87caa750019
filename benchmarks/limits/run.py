"""All figures of the limits, and the profile, into their result files."""

import json
import sys
from pathlib import Path
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
from benchmarks.machine import provenance

RESULTS: Final = Path(__file__).parents[1] / "results"
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
        say(f"limits: {name}")
        groups[name] = [figure.as_json() for figure in measure(rounds)]
        # After each: what fails late does not lose what is there.
        write("limits", {**origin, "rounds": rounds, "groups": groups})
    say("limits: profile")
    write("profile", {**provenance(), **profile.measure()})


def write(name: str, result: dict[str, Any]) -> None:
    """Keep a result."""
    file = RESULTS / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")


def say(text: str) -> None:
    """Tell what is under way."""
    print(text, file=sys.stderr, flush=True)
