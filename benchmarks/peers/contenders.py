"""The servers that are compared."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers import protocols
from benchmarks.peers.protocols import Protocol

PEERS: Final = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """A server, or a program that predicts in its own process, and how to call it."""

    name: str
    protocol: Protocol | None
    """None for a program that is not a server and measures itself; see ``tutorial/server.py``."""
    folder: str | None = None
    """Folder of its server in this package; None for digits."""
    environment: str | None = None
    """Folder whose requirements it uses; None for its own."""
    options: tuple[str, ...] = ()

    @property
    def requirements(self) -> Path | None:
        """Requirements file; None for digits, which is installed already."""
        if self.folder is None:
            return None
        return PEERS / (self.environment or self.folder) / "requirements.txt"

    def command(self, python: Path, port: int) -> list[str]:
        """Return the command that starts it. Peers take the port from the environment."""
        if self.folder is None:
            # The command and not the module, because its workers look it up by name.
            digits = Path(sys.executable).with_name("digits-server")
            return [str(digits), "--port", str(port), *self.options]
        return [str(python), str(PEERS / self.folder / "server.py"), *self.options]


# The first one is the baseline of the tables.
CONTENDERS: Final = (
    Contender("digits", protocols.DIGITS),
    Contender("digits, 2 workers", protocols.DIGITS, options=("--workers", "2")),
    Contender("digits, native transport", protocols.DIGITS, options=("--transport", "native")),
    Contender(
        "digits, native transport, 2 workers",
        protocols.DIGITS,
        options=("--transport", "native", "--workers", "2"),
    ),
    Contender("tutorial", None, "tutorial", environment="keras_grpc"),
    Contender("keras_grpc", protocols.RAW_GRPC, "keras_grpc"),
    Contender("mlserver", protocols.INFERENCE, "mlserver"),
    Contender("ray_serve", protocols.RAW_HTTP, "ray_serve"),
    Contender("bentoml", protocols.JSON_HTTP, "bentoml"),
    Contender("litserve", protocols.RAW_HTTP, "litserve"),
    Contender("pytriton", protocols.INFERENCE, "pytriton"),
    Contender("mosec", protocols.RAW_HTTP, "mosec"),
)
