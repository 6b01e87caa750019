"""Where to find the network that a name on the command line or in the settings refers to."""

from pathlib import Path
from typing import Final

SHIPPED: Final = "shipped"
SHIPPED_RUN: Final = Path(__file__).parent / "shipped_run"
"""The run that the shipped model was exported from, for evaluation and further training."""


def network_path(name: str) -> Path:
    """Return the folder of the shipped run for ``shipped``, else the name as a path.

    An existing file or folder called ``shipped`` takes precedence.
    """
    return SHIPPED_RUN if name == SHIPPED and not Path(name).exists() else Path(name)
