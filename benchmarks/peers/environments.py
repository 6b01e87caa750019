"""A Python environment for each peer: no two of them need agree on versions."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

INSTALL_SECONDS: Final = 900


class InstallError(Exception):
    """A peer's packages could not be installed."""


def ensure(folder: Path, requirements: Path) -> Path:
    """Make an environment if it is not there already, and return its interpreter.

    Raises:
        InstallError: With the last that pip said.
    """
    python = folder / "bin" / "python"
    mark = folder / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _run([*pip, "--quiet", "--requirement", str(requirements)])
    mark.write_text(digest)
    return python


def versions(python: Path) -> dict[str, str]:
    """Return what is installed in an environment."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(f"not installed within {INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        raise InstallError(done.stderr.strip()[-500:])
