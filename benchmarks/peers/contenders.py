"""The servers that are compared."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from benchmarks.peers import protocols
from benchmarks.peers.protocols import Protocol
from digits_server.settings import Settings

PEERS: Final = Path(__file__).parent


@dataclass(frozen=True)
class Contender:
    """A server, or a program that predicts in its own process, and how to call it."""

    key: str
    """Name on the command line and in results."""
    label: str
    """Name in tables."""
    protocol: Protocol | None
    """None for a program that is not a server and measures itself; see ``tutorial/server.py``."""
    folder: str | None = None
    """Folder of its server in this package; None for digits."""
    environment: str | None = None
    """Folder whose requirements it uses; None for its own."""
    options: tuple[str, ...] = ()
    tolerance: float = 1e-3
    """Largest difference of a probability from that of the network in float32."""

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


def _peer(name: str, protocol: Protocol | None, environment: str | None = None) -> Contender:
    return Contender(name, name, protocol, name, environment)


_DIGITS: Final = (
    Contender("digits", "digits", protocols.DIGITS),
    Contender(
        "digits-2-workers", "digits, 2 workers", protocols.DIGITS, options=("--workers", "2")
    ),
)
_INT8: Final = Contender(
    "digits-int8-2-workers",
    "digits, int8, 2 workers",
    protocols.DIGITS,
    options=("--precision", "int8", "--workers", "2"),
    tolerance=0.02,
)
_PEERS: Final = (
    _peer("tutorial", None, environment="keras_grpc"),
    _peer("keras_grpc", protocols.RAW_GRPC),
    _peer("mlserver", protocols.INFERENCE),
    _peer("ray_serve", protocols.RAW_HTTP),
    _peer("bentoml", protocols.JSON_HTTP),
    _peer("litserve", protocols.RAW_HTTP),
    _peer("pytriton", protocols.INFERENCE),
    _peer("mosec", protocols.RAW_HTTP),
)


def contenders() -> tuple[Contender, ...]:
    """Return all contenders. The first one is the baseline of the tables.

    int8 is left out where the server or the processor lacks it: without VNNI it is slower.
    """
    has_setting = any(setting.name == "precision" for setting in fields(Settings))
    cpu = Path("/proc/cpuinfo")
    has_vnni = cpu.exists() and "vnni" in cpu.read_text()
    return (*_DIGITS, *((_INT8,) if has_setting and has_vnni else ()), *_PEERS)
