"""Show where each extra can be installed from wheels alone, by the metadata of the package index.

    python -m scripts.wheels [EXTRA ...]

Prints a Markdown table with a row for each system and a column for each Python, and below it the
first package that has no wheel. Nothing is built and only metadata is downloaded. Extras for
development are left out; ``make test`` runs on Linux.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS: Final = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
NOT_FOR_USERS: Final = {"dev"}


def missing_wheel(extra: str, system: str, python: str) -> str | None:
    """Resolve an extra for a system and a Python.

    Args:
        extra: Name of the extra, or "base" for the install without extras.
        system: Target as uv names it.
        python: Version of Python, such as "3.13".

    Returns:
        The package without a wheel, or None if there are wheels of everything.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet"),
            *("--only-binary", ":all:", "--python-platform", system, "--python-version", python),
            *("--output-file", str(Path(folder) / "resolved.txt"), "pyproject.toml"),
            *(["--extra", extra] if extra != "base" else []),
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    package = re.search(r"([\w.-]+)(?:\{[^}]*\})?(?:==\S+)? has no wheels", done.stderr)
    return package[1] if package else done.stderr.strip()


def main() -> None:
    """Run the command line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = ["base", *(project["project"]["optional-dependencies"].keys() - NOT_FOR_USERS)]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="only these (default: all)")
    chosen = parser.parse_args().extras or sorted(extras)
    notes = []
    print(f"| | {' | '.join(PYTHONS)} |", f"|---|{'---|' * len(PYTHONS)}", sep="\n")
    for name, system in SYSTEMS.items():
        cells = []
        for python in PYTHONS:
            missing = {extra: missing_wheel(extra, system, python) for extra in chosen}
            notes += [
                f"{extra} on {name}, Python {python}: no wheel of {package}"
                for extra, package in missing.items()
                if package
            ]
            without = ", ".join(extra for extra, package in missing.items() if package)
            cells.append(f"all but {without}" if without else "all")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print(*(["", *notes] if notes else []), sep="\n")


if __name__ == "__main__":
    main()
