"""Show what digits does: start a server and classify the samples, and MNIST if it is available.

    make demo
    python -m scripts.demo      # without make; on Windows: py -m scripts.demo

Needs only Python. What else it needs is installed into the virtual environment ``.venv``, exactly
as locked.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = [ROOT / "locks" / name for name in ("build.txt", "server.txt", "web.txt")]
OLDEST, NEWEST = (3, 11), (3, 14)


def venv_python(venv: Path) -> Path:
    """Return the Python of a virtual environment."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def ensure_installed(venv: Path) -> Path:
    """Create a virtual environment with digits[server,web] from this checkout, or update it.

    Raises:
        SystemExit: It cannot be created, or the packages cannot be installed; the cause has been
            printed.
    """
    python, installed = venv_python(venv), venv / ".server"
    sources = [ROOT / "pyproject.toml", *LOCKS]
    if not python.exists():
        _run(
            [sys.executable, "-m", "venv", str(venv)],
            "Python cannot make a virtual environment; on Debian: apt-get install python3-venv",
        )
    newest = max(path.stat().st_mtime for path in sources)
    if not installed.exists() or installed.stat().st_mtime < newest:
        print(f"Installing digits[server,web] into {venv.name} ...", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        failed = "the packages cannot be installed"
        _run([*pip, "--require-hashes", *(f"--requirement={lock}" for lock in LOCKS)], failed)
        _run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], failed)
        installed.touch()
    return python


def _run(command: list[str], failed: str) -> None:
    if subprocess.run(command, check=False).returncode:
        sys.exit(failed)


def main() -> None:
    """Install what is missing, and run the demo."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "Python {}.{} to {}.{} is required; this is {}.{}".format(
                *OLDEST, *NEWEST, *sys.version_info[:2]
            )
        )
    python = ensure_installed(VENV)
    try:
        done = subprocess.run([str(python), "-m", "scripts.demo_commands"], cwd=ROOT, check=False)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
