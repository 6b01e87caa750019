"""The event loop: asyncio's own or uvloop, which is installed into a folder for this alone.

python -m benchmarks.choices.loops serve FOLDER_OF_UVLOOP [FLAGS OF digits-server]
"""

import contextlib
import subprocess
import sys
import tempfile

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.choices.rates import singly
from benchmarks.limits.serving import ours, started
from digits_server import cli

UVLOOP = "uvloop>=0.21"


def measure(rounds: int) -> Choice:
    """Ask for single raw images, by the transport of grpcio."""
    values: dict[str, list[float]] = {}
    note = "Single raw images, grpcio's transport."
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, UVLOOP]
        try:
            subprocess.run(install, check=True, capture_output=True)
            uv = servers.enter_context(
                started(["benchmarks.choices.loops", "serve", folder, "--port", "0"])
            )
            own = servers.enter_context(ours(has_nothing=False))
            values = in_turn(
                {"asyncio": lambda: singly(own, 4, 8), "uvloop": lambda: singly(uv, 4, 8)}, rounds
            )
        except (subprocess.CalledProcessError, RuntimeError) as error:
            note = f"Not measured, since uvloop could not be had: {type(error).__name__}."
    return Choice(
        "loops",
        "Which event loop?",
        "asyncio",
        "calls/s",
        is_less_better=False,
        ways=values,
        note=note,
    )


def _serve(folder: str, flags: list[str]) -> int:
    sys.path.insert(0, folder)
    uvloop = __import__("uvloop")  # not a dependency
    uvloop.install()
    return cli.main(flags)


if __name__ == "__main__":
    sys.exit(_serve(sys.argv[2], sys.argv[3:]))
