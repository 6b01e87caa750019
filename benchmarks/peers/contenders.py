"""What is compared."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers import protocols
from benchmarks.peers.protocols import Protocol

PEERS: Final = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """A server, or a program that answers by itself, and how it is asked."""

    name: str
    protocol: Protocol | None
    """None: it serves nobody, and measures itself; see ``tutorial/server.py``."""
    folder: str | None = None
    """Of its server, in this package; None is digits itself."""
    environment: str | None = None
    """Of which folder the requirements are taken; None is its own."""
    options: tuple[str, ...] = ()

    @property
    def requirements(self) -> Path | None:
        """Its file of requirements; None for digits, that is here already."""
        if self.folder is None:
            return None
        return PEERS / (self.environment or self.folder) / "requirements.txt"

    def command(self, python: Path, port: int) -> list[str]:
        """Return how it is started; the port is in its environment as well."""
        if self.folder is None:
            # The command, and not the module: its workers find it by its name.
            digits = Path(sys.executable).with_name("digits-server")
            return [str(digits), "--port", str(port), *self.options]
        return [str(python), str(PEERS / self.folder / "server.py"), *self.options]


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
