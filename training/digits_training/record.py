"""The record of a training run: everything needed to repeat it."""

import contextlib
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
from .unipen import UNIPEN_DIGITS_FILE, UNIPEN_SIGNS_FILE

RECORD_FILE = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """The origin of a trained network, also written into the model's manifest."""

    command: str
    """Command line of the run."""

    commit: str
    """Git hash of the source, with "-dirty" if files had changed, or "unknown"."""

    data: dict[str, str]
    """Checksums of the data sets, as "md5:..." or "sha256:..."."""

    settings: dict[str, Any]
    """Settings of the run, including the seed."""

    versions: dict[str, str]
    """Versions of Python and of the libraries that the metrics may depend on."""

    epochs: int
    """Number of epochs trained."""

    seconds: float
    """Duration of the run."""

    validation_accuracy: float
    """Validation accuracy of the selected weights, 0 to 1."""

    @classmethod
    def load(cls, run_dir: Path) -> Self | None:
        """Return the record of a run, or None if the folder has none."""
        path = run_dir / RECORD_FILE
        return cls(**json.loads(path.read_text("utf-8"))) if path.is_file() else None

    def save(self, file: Path) -> None:
        """Write the record as JSON."""
        file.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", "utf-8")


def checksums(settings: FitSettings, data_dir: Path | None) -> dict[str, str]:
    """Return the checksums of the data sets that a run learns from.

    MNIST has one per array, the published sum that it was verified against; the other data
    sets have one per file.
    """
    sums = {f"mnist/{name}": f"md5:{digest}" for name, digest in IDX_MD5.items()}
    if settings.network != "tutorial":
        for name in (PENDIGITS_FILE, UNIPEN_DIGITS_FILE, UNIPEN_SIGNS_FILE, OMNIGLOT_FILE):
            path = data_folder(data_dir) / name
            if path.is_file():
                sums[name] = f"sha256:{sha256(path)}"
    return sums


def command_line() -> str:
    """Return the running command, without the path of the executable."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def commit() -> str:
    """Return the commit of the running source, or "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - a constant command
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries used for training."""
    found = {"python": sys.version.split()[0]}
    # TensorFlow is installed under either of two names; only the first uses a GPU.
    for name in ("tensorflow", "tensorflow-cpu", "keras", "numpy", "opencv-python-headless"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
