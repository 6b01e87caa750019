"""Install each extra into a clean environment of each Python, from the package index.

    python -m scripts.installs PYTHON [PYTHON ...]

Prints a Markdown table: whether the install succeeds, and the packages it brings. Extras with
TensorFlow or Ray are resolved only, because they are large.
"""

import argparse
import json
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Final

from .demo import ROOT, venv_python
from .wheels import NOT_FOR_USERS

RESOLVED_ONLY: Final = ("train", "ray")
IMPORTED: Final = {"base": "digits_client", "server": "digits_server.app, digits_client"}
"""Modules to import after the install; those of ``server`` also for the extras built on it."""


def install(python: str, extra: str) -> str:
    """Install an extra into a new environment, and import what it is for.

    Args:
        python: Path of a Python.
        extra: Name of the extra, or "base".

    Returns:
        A cell of the table: "installs", or the last line of the error.
    """
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        subprocess.run([python, "-m", "venv", str(venv)], check=True)
        report = Path(folder) / "report.json"
        target = str(ROOT) if extra == "base" else f"{ROOT}[{extra}]"
        pip = [str(venv_python(venv)), "-m", "pip", "install", "--quiet"]
        options = ["--dry-run"] if extra in RESOLVED_ONLY else []
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", *options, "--report", str(report), target],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        count = len(json.loads(report.read_text("utf-8"))["install"])
        if options:
            return f"resolves ({count})"
        modules = IMPORTED["server" if extra in ("server", "otel") else "base"]
        tried = subprocess.run(
            [str(venv_python(venv)), "-I", "-c", f"import {modules}"], check=False
        )
        return f"installs ({count})" if tried.returncode == 0 else f"cannot import {modules}"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    pythons = parser.parse_args().pythons
    names = [
        subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
        for python in pythons
    ]
    print(f"| extra | {' | '.join(names)} |", f"|---|{'---|' * len(names)}", sep="\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra in ["base", *sorted(project["optional-dependencies"].keys() - NOT_FOR_USERS)]:
        print(f"| {extra} | {' | '.join(install(each, extra) for each in pythons)} |", flush=True)


if __name__ == "__main__":
    main()
