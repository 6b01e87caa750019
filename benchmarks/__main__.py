"""Measure what docs/performance.md tells, and write its tables and pictures anew.

python -m benchmarks [limits] [peers] [draw] [--rounds 5]

Without a word it measures everything. ``draw`` measures nothing: tables and pictures are
made of the results that are there.
"""

import argparse
import json
import subprocess
import sys
from typing import Any, Final

from benchmarks import document, plots
from benchmarks.limits import run as limits_run

PARTS: Final = ("limits", "peers", "draw")


def result(name: str) -> dict[str, Any] | None:
    """Return a result, or None where it was not measured."""
    file = limits_run.RESULTS / f"{name}.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else None


def draw() -> None:
    """Write tables and pictures anew, as far as there are results."""
    tables = {}
    if limits := result("limits"):
        tables["limits-machine"] = document.measured_on(limits)
        for group in limits["groups"]:
            tables[f"limits-{group}"] = document.limits_table(limits, group)
        plots.draw_limits(limits)
    if profile := result("profile"):
        tables["profile"] = document.profile_table(profile)
        plots.draw_profile(profile)
    if peers := result("peers"):
        tables["peers"] = document.peers_table(peers)
        plots.draw_peers(peers)
    text = document.DOCUMENT.read_text("utf-8")
    document.DOCUMENT.write_text(document.with_tables(text, tables), "utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="limits, peers, draw")
    parser.add_argument("--rounds", type=int, default=5)
    parsed = parser.parse_args()
    if unknown := set(parsed.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = parsed.parts or PARTS
    if "limits" in parts:
        limits_run.main(parsed.rounds)
    if "peers" in parts:
        # A process of its own: it makes itself the parent of what its servers leave behind.
        command = [sys.executable, "-m", "benchmarks.peers.run", "--rounds", str(parsed.rounds)]
        subprocess.run(command, check=True)
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
