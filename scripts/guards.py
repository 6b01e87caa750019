"""Run tests without each feature that other systems lack, in turn, and print a table.

    python -m scripts.guards            # every feature
    python -m scripts.guards /proc Tk   # those whose name contains a word

The tests of what would use a feature run in processes from which ``tests/features.py`` has taken it
away; it is verified that it is away. A test that itself needs the feature is skipped.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from tests.features import FEATURES, Feature, without

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = "commands/test_other_systems.py unit/clients/test_missing_features.py"


def succeeds(code: str, environment: dict[str, str]) -> bool:
    """Return whether Python code runs without an error."""
    command = [sys.executable, "-c", code]
    return not subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def row(name: str, features: Sequence[Feature], tests: str) -> tuple[str, bool]:
    """Return the row of some features, and whether the tests passed without them."""
    here = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = without(features, Path(folder), here)
        for feature in features:
            if not succeeds(feature.probe, here) or succeeds(feature.probe, elsewhere):
                sys.exit(f"{feature.name}: is not there, or was not taken away")
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"--junit-xml={report}", *(f"tests/{name}" for name in tests.split())],
            env=elsewhere,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout)
        suite = ET.parse(report).getroot()[0].attrib if report.exists() else {}
    run, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    counts = f"{run - skipped} | {run - skipped - failed} | {skipped}"
    return f"| {name} | {counts} |", not done.returncode


def main() -> None:
    """Print the table, and exit with 1 if a test failed."""
    words = sys.argv[1:]
    rows: list[tuple[str, Sequence[Feature], str]] = [
        (f"{each.name} | {each.lacking}", [each], each.tests) for each in FEATURES
    ]
    rows.append(("all of these | ", FEATURES, EVERYTHING))
    print("| without | as on | run | passed | skipped |\n|---|---|---|---|---|", flush=True)
    has_failed = False
    for name, features, tests in rows:
        if words and not any(word in name for word in words):
            continue
        line, has_passed = row(name, features, tests)
        print(line, flush=True)
        has_failed |= not has_passed
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
