"""How a run came about, so that anyone can tell and repeat it."""

import dataclasses
import importlib.metadata
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from digits_server.models.manifest import sha256

from .datasets import IDX_MD5, data_folder
from .omniglot import OMNIGLOT_FILE
from .pendigits import PENDIGITS_FILE
from .settings import FitSettings

RECORD_FILE = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """What a model's manifest says about its training."""

    command: str
    """The command line."""

    commit: str
    """Of the source: a git hash, with "-dirty" where files had changed, or "unknown"."""

    data: dict[str, str]
    """MD5 sums of the data sets' parts."""

    settings: dict[str, Any]
    """The run's settings, the seed among them."""

    versions: dict[str, str]
    """Of the libraries that a figure may depend on."""

    epochs: int
    """Epochs trained."""

    seconds: float
    """Duration of the training."""

    validation_accuracy: float
    """Of the chosen weights: a share, 0 to 1."""

    @classmethod
    def load(cls, run_dir: Path) -> Self | None:
        """Return the record of a run, or None for a folder without one."""
        path = run_dir / RECORD_FILE
        return cls(**json.loads(path.read_text())) if path.is_file() else None

    def save(self, run_dir: Path) -> None:
        """Write the record into a run's folder."""
        (run_dir / RECORD_FILE).write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")


def checksums(settings: FitSettings, data_dir: Path | None) -> dict[str, str]:
    """Return the sums of the data sets that a run learned from.

    Of MNIST those that it was checked against, of the others those of their files.
    """
    sums = {f"mnist/{name}": f"md5:{digest}" for name, digest in IDX_MD5.items()}
    if settings.network == "compact":
        for name in (PENDIGITS_FILE, OMNIGLOT_FILE):
            path = data_folder(data_dir) / name
            if path.is_file():
                sums[name] = f"sha256:{sha256(path)}"
    return sums


def command_line() -> str:
    """Return the command that runs, without the folders of this machine."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def commit() -> str:
    """Return the commit of the source this runs from, or "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(  # noqa: S603 - a constant command
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that train."""
    names = ("tensorflow-cpu", "keras", "numpy", "opencv-python-headless")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": sys.version.split()[0], **found}
