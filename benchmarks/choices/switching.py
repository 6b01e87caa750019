"""How soon a thread that is busy with Python gives the interpreter up to one that waits.

python -m benchmarks.choices.switching serve SECONDS [FLAGS OF digits-server]
"""

import contextlib
import sys

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.choices.rates import in_batches, singly
from benchmarks.limits import requests
from benchmarks.limits.serving import UNLIMITED, Served, started
from digits_server import cli

WAYS = {"5 ms": 0.005, "0.5 ms": 0.0005, "0.1 ms": 0.0001}


def measure(rounds: int) -> Choice:
    """Ask for single raw images by the native transport, and for batches by that of grpcio."""
    with contextlib.ExitStack() as servers:

        def served(seconds: float, transport: str) -> Served:
            module = ["benchmarks.choices.switching", "serve", str(seconds), "--port", "0"]
            return servers.enter_context(
                started([*module, "--until-stdin-ends", *UNLIMITED, "--transport", transport])
            )

        ways = {}
        for name, seconds in WAYS.items():
            native, grpcio = served(seconds, "native"), served(seconds, "grpc")
            ways[f"{name}: one a call"] = lambda native=native: singly(native, 4, 16)
            ways[f"{name}: 256 a call"] = lambda grpcio=grpcio: in_batches(
                grpcio, requests.Form.RAW28, 2
            )
        values = in_turn(ways, rounds)
    return Choice(
        "switching",
        "How long may a thread keep the interpreter?",
        "5 ms",
        "images/s",
        is_less_better=False,
        ways=values,
        note="Raw images. One a call by the native transport, 64 under way; 256 a call by grpcio.",
    )


if __name__ == "__main__":
    sys.setswitchinterval(float(sys.argv[2]))
    sys.exit(cli.main(sys.argv[3:]))
