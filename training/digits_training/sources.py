"""What a network may be named by, on the command line and in settings."""

from pathlib import Path
from typing import Final

SHIPPED: Final = "shipped"
SHIPPED_RUN: Final = Path(__file__).parent / "shipped_run"
"""The run that the shipped model was exported from, to measure and to train further."""


def source_named(name: str) -> Path:
    """Return what a name stands for: the shipped run, or a path."""
    return SHIPPED_RUN if name == SHIPPED and not Path(name).exists() else Path(name)
