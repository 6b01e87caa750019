"""A Python environment for each peer, because their dependencies conflict."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

INSTALL_SECONDS: Final = 900


class InstallError(Exception):
    """The packages of a peer could not be installed."""


def ensure(folder: Path, requirements: Path) -> Path:
    """Create an environment unless it is up to date, and return its interpreter.

    Raises:
        InstallError: The installation failed; the message has the end of pip's output.
    """
    python = folder / "bin" / "python"
    digest_file = folder / "requirements.sha256"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if digest_file.exists() and digest_file.read_text() == digest:
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    _run([*pip, "--quiet", "--requirement", str(requirements)])
    digest_file.write_text(digest)
    return python


def versions(python: Path) -> dict[str, str]:
    """Return the installed packages of an environment and their versions."""
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
