"""Measure the figures of docs/performance.md and update its tables and plots.

    python -m benchmarks [limits] [peers] [draw] [--rounds 5]

Without a part, the command measures everything. ``draw`` measures nothing: it makes the tables
and plots from the result files in ``benchmarks/results/``.
"""

import argparse
import subprocess
import sys
from typing import Final

from benchmarks import performance_doc, plots
from benchmarks.limits import run as limits_run
from benchmarks.result_files import read_result

PARTS: Final = ("limits", "peers", "draw")


def draw() -> None:
    """Update the tables and plots that have results."""
    tables = {}
    if limits := read_result("limits"):
        tables["limits-machine"] = performance_doc.provenance_line(limits)
        for group, figures in limits["groups"].items():
            tables[f"limits-{group}"] = performance_doc.figures_table(figures)
        plots.draw_limits(limits)
    if profile := read_result("profile"):
        tables["profile"] = performance_doc.profile_table(profile)
    if peers := read_result("peers"):
        tables["peers-machine"] = performance_doc.provenance_line(peers)
        tables["peers"] = performance_doc.peers_table(peers)
        tables["peers-targets"] = performance_doc.figures_table(peers["figures"])
        plots.draw_peers(peers)
    text = performance_doc.DOCUMENT.read_text("utf-8")
    performance_doc.DOCUMENT.write_text(performance_doc.replace_tables(text, tables), "utf-8")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="limits, peers, or draw to measure nothing; default: everything",
    )
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parsed = parser.parse_args()
    if unknown := set(parsed.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    parts = parsed.parts or PARTS
    if "limits" in parts:
        limits_run.main(parsed.rounds)
    if "peers" in parts:
        # In a separate process, because it adopts the orphans of the servers that it starts.
        command = [sys.executable, "-m", "benchmarks.peers.run", "--rounds", str(parsed.rounds)]
        subprocess.run(command, check=True)
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
