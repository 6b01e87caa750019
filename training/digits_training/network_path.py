"""Where to find the network that a name on the command line or in the settings refers to."""

from pathlib import Path
from typing import Final

from .errors import UsageError

SHIPPED: Final = "shipped"
KERAS_FILE: Final = "model.keras"
"""Name of the network's file in the folder of a run."""
SHIPPED_RUN: Final = Path(__file__).parent / "shipped_run"
"""The run that the shipped model was exported from, for evaluation and further training."""

SHIPPED_LINE: Final = SHIPPED_RUN / "line"
"""The run of the shipped model's line network."""


def network_path(name: str) -> Path:
    """Return the folder of the shipped run for ``shipped``, else the name as a path.

    An existing file or folder called ``shipped`` takes precedence.
    """
    return SHIPPED_RUN if name == SHIPPED and not Path(name).exists() else Path(name)


def check_network_path(path: Path) -> None:
    """Check that a path leads to a Keras file, by its first bytes only.

    Raises:
        UsageError: It does not exist, is a folder without a network, or a file of another format.
    """
    if path.is_dir() and not (path / KERAS_FILE).is_file():
        raise UsageError(f"{path} is not the folder of a finished run: it has no {KERAS_FILE}")
    if not path.exists():
        raise UsageError(f"{path} does not exist")
    file = path / KERAS_FILE if path.is_dir() else path
    with file.open("rb") as content:
        start = content.read(8)
    if not start.startswith((b"PK", b"\x89HDF")):  # a .keras file is a zip archive
        raise UsageError(f"{file} is neither a .keras nor an .h5 file")
