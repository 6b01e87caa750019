"""Follow README's commands literally in a fresh clone, as a newcomer would.

    python -m scripts.newcomer

Clones the last commit into a temporary folder, prepares the files that README's examples name, and
runs every command of its code blocks in their order, and its Python example. Commands that cannot
run here are listed with the reason. Exits with 1 if one fails. Needs the package index, and the
default port of the server.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_SECONDS: Final = 1800
SKIPPED: Final = {
    "make test": "takes ten minutes, and is what CI runs",
    "digits-server --host 0.0.0.0": "needs a certificate and a token file of the user's",
    "digits-server --models-dir": "needs the model that the training before it writes",
    "digits-draw": "opens a window and waits for the user",
    "digits-train": "takes up to hours, and needs drawings that were corrected",
}
"""Beginnings of commands that are not run, and why."""


def commands(readme: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each command and each program in README's code blocks.

    A block whose first line begins with "$ " shows a command and its output.
    """
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL):
        if language == "python":
            yield language, block
            continue
        lines = block.replace("\\\n", " ").splitlines()
        if lines[0].startswith("$ "):
            lines = [lines[0].removeprefix("$ ")]
        for line in lines:
            command = shlex.join(shlex.split(line, comments=True))
            if command:
                yield language, command


def prepare(folder: Path) -> None:
    """Make the files that the examples name, from the samples."""
    samples = folder / "samples"
    for name in ("scans", "meters", "labelled", "forms"):
        (folder / name).mkdir()
    for digit in range(10):
        shutil.copytree(samples / str(digit), folder / "labelled" / str(digit))
        for name in ("scans", "forms"):
            shutil.copy(samples / str(digit) / "thin.png", folder / name / f"{digit}.png")
    shutil.copytree(samples / "numbers", folder / "meters", dirs_exist_ok=True)
    shutil.make_archive(str(folder / "scans"), "zip", folder / "scans")
    for name, source in {
        "seven.png": samples / "7" / "thin.png",
        "one.png": samples / "1" / "thin.png",
        "two.jpg": samples / "2" / "thin.png",
        "2026.png": samples / "numbers" / "2026" / "spaced.png",
    }.items():
        shutil.copy(source, folder / name)
    (folder / "not-an-image.txt").write_text("These are words.\n", "utf-8")


class Newcomer:
    """A user in a shell, in the folder of the clone."""

    def __init__(self, folder: Path) -> None:
        """Start without any environment of ours."""
        self._folder = folder
        self._environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith("DIGITS_")
        }
        interpreter = str(Path(sys.base_prefix) / "bin")
        self._environment["PATH"] = os.pathsep.join([interpreter, os.environ["PATH"]])
        self._servers: list[subprocess.Popen[str]] = []

    def run(self, language: str, text: str) -> bool:
        """Run a command or a program, and return whether it succeeded."""
        if language == "python":
            return self._succeeds(["python", "-c", text])
        words = shlex.split(text)
        if words[0] == ".":  # README activates the environment for all later commands
            folder = (self._folder / words[1]).parent
            self._environment["PATH"] = os.pathsep.join([str(folder), self._environment["PATH"]])
            return (self._folder / words[1]).is_file()
        if words[0] == "digits-server":
            return self._starts(words)
        return self._succeeds(words)

    def _succeeds(self, words: list[str]) -> bool:
        done = subprocess.run(
            self._located(words),
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n")
        return done.returncode == 0

    def _starts(self, words: list[str]) -> bool:
        """Start a server that goes on until the end, and wait until it is ready."""
        server = subprocess.Popen(
            self._located(words),
            cwd=self._folder,
            env=self._environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._servers.append(server)
        assert server.stderr is not None
        return any("ready on" in line for line in server.stderr)

    def _located(self, words: list[str]) -> list[str]:
        found = shutil.which(words[0], path=self._environment["PATH"])
        return [found or words[0], *words[1:]]

    def leave(self) -> None:
        """End what is still running."""
        for server in self._servers:
            server.kill()
            server.wait()


def main() -> None:
    """Run the command line."""
    failed = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "digits"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        prepare(folder)
        newcomer = Newcomer(folder)
        try:
            for language, text in commands((folder / "README.md").read_text("utf-8")):
                title = "the Python example" if language == "python" else text
                reasons = [why for start, why in SKIPPED.items() if text.startswith(start)]
                if reasons:
                    print(f"skipped  {title}: {reasons[0]}", flush=True)
                    continue
                succeeded = newcomer.run(language, text)
                print(f"{'passed ' if succeeded else 'FAILED '}  {title}", flush=True)
                failed += [] if succeeded else [title]
        finally:
            newcomer.leave()
    if failed:
        sys.exit(f"{len(failed)} of README's commands failed")


if __name__ == "__main__":
    main()
