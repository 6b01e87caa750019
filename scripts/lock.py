"""Lock the dependencies of the images and of make, in locks/.

    python -m scripts.lock [--upgrade | --check]

There is one file per extra of pyproject.toml, ``base.txt`` for the install without extras, and one
file per dependency group. Each pins every package with its hashes, for all supported Pythons and
platforms. Files of extras agree on each version, so several can be installed together.

Without an option, versions stay unless pyproject.toml no longer allows them.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"
OLDEST_PYTHON = "3.11"


def pins(path: Path) -> list[str]:
    """Return the lines of a lock that name a package, its version and where it applies."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line.removesuffix(" \\") for line in lines if "==" in line and line[0].isalnum()]


def compile_lock(output: Path, *options: str, upgrade: bool) -> None:
    """Resolve requirements into a lock; an existing one gives the preferred versions.

    Args:
        output: The lock.
        options: What to resolve, and constraints.
        upgrade: Whether to ignore the versions of an existing lock.
    """
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--universal"),
        *("--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-annotate"),
        *("--custom-compile-command", "make lock", "--output-file", str(output), *options),
        *(["--upgrade"] if upgrade else []),
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"{output.name} cannot be resolved")


def compile_all(folder: Path, *, upgrade: bool) -> list[Path]:
    """Write all locks into a folder.

    Args:
        folder: The folder. Locks in it give the preferred versions.
        upgrade: Whether to ignore them.

    Returns:
        The locks.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = {name: ["--extra", name] for name in project["project"]["optional-dependencies"]}
    groups = {name: ["--group", name] for name in project["dependency-groups"]}
    # One resolution of all extras is the constraint of each, so that they agree.
    with tempfile.TemporaryDirectory() as temporary:
        every = Path(temporary) / "extras.txt"
        preferred = {pin for name in ("base", *extras) for pin in pins(folder / f"{name}.txt")}
        every.write_text("\n".join(sorted(preferred)), "utf-8")
        compile_lock(every, "pyproject.toml", "--all-extras", upgrade=upgrade)
        for name, options in {"base": [], **extras}.items():
            lock = folder / f"{name}.txt"
            compile_lock(
                lock, "pyproject.toml", *options, "--constraint", str(every), upgrade=upgrade
            )
    for name, options in groups.items():
        compile_lock(folder / f"{name}.txt", *options, upgrade=upgrade)
    return [folder / f"{name}.txt" for name in ("base", *extras, *groups)]


def check() -> None:
    """Exit with an error if a resolution of pyproject.toml would change a lock."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for lock in LOCKS.glob("*.txt"):
            (folder / lock.name).write_bytes(lock.read_bytes())
        # Hashes are left out: a package's author may add files to a version.
        changed = [
            lock.name
            for lock in compile_all(folder, upgrade=False)
            if pins(lock) != pins(LOCKS / lock.name)
        ]
    if changed:
        sys.exit(f"run `make lock`; these locks do not match pyproject.toml: {', '.join(changed)}")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions")
    mode.add_argument("--check", action="store_true", help="report outdated locks, change nothing")
    parsed = parser.parse_args()
    if parsed.check:
        check()
        return
    LOCKS.mkdir(exist_ok=True)
    compile_all(LOCKS, upgrade=parsed.upgrade)


if __name__ == "__main__":
    main()
