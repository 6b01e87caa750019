"""A mixture in one file, because making its frames takes minutes."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batches import Component
from .examples import Examples
from .mixture import HeldOut, Mixture
from .run_folder import save_arrays

Arrays = Mapping[str, NDArray[Any]]


def save_mixture(mixture: Mixture, file: Path) -> None:
    """Write a mixture; a process that is killed meanwhile leaves no file."""
    arrays = _to_arrays("held_out", mixture.held_out)
    for index, component in enumerate(mixture.components):
        arrays |= _to_arrays(f"component_{index:03}", component)
    save_arrays(file, arrays)


def load_mixture(file: Path) -> Mixture:
    """Read what ``save_mixture`` wrote."""
    with np.load(file) as arrays:
        names = sorted({name.split(".")[0] for name in arrays if name.startswith("component_")})
        return Mixture(
            components=[_from_arrays(Component, name, arrays) for name in names],
            held_out=_from_arrays(HeldOut, "held_out", arrays),
        )


def _to_arrays(name: str, record: Any) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for field in dataclasses.fields(record):
        value, key = getattr(record, field.name), f"{name}.{field.name}"
        if isinstance(value, Examples):
            arrays |= {f"{key}.frames": value.frames, f"{key}.labels": value.labels}
        else:
            arrays[key] = np.array(value)
    return arrays


def _from_arrays(kind: type[Any], name: str, arrays: Arrays) -> Any:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        key = f"{name}.{field.name}"
        values[field.name] = (
            arrays[key].item()
            if key in arrays
            else Examples(arrays[f"{key}.frames"], arrays[f"{key}.labels"])
        )
    return kind(**values)
