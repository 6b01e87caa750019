"""The state of a network's training after an epoch, saved in one file."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from .averaging import WeightAverage
from .errors import TrainingError
from .run_folder import replace_file, save_arrays

History = dict[str, list[float]]
"""One value per epoch of each figure: ``accuracy``, ``loss``, ``val_accuracy``, ``val_loss``."""

Arrays = list[NDArray[np.generic]]


@dataclass
class TrainingState:
    """What changes while a network is trained, and is restored when the training is resumed."""

    model: keras.Model
    average: WeightAverage
    history: History = field(default_factory=dict)
    best: Arrays = field(default_factory=list)
    """Averaged weights of the epoch that is the best so far."""

    @property
    def epoch(self) -> int:
        """Number of finished epochs."""
        return len(self.history.get("loss", []))

    def append(self, figures: dict[str, float]) -> None:
        """Add the figures of an epoch to the history."""
        for name, value in figures.items():
            self.history.setdefault(name, []).append(float(value))

    def save(self, file: Path) -> None:
        """Write all of it; a process that is killed meanwhile leaves the earlier file."""
        arrays = {
            "history": np.array(json.dumps(self.history)),
            "updates": np.array(self.average.updates),
            **_numbered("average", self.average.network.get_weights()),
            **_numbered("best", self.best),
            **_numbered("variable", [each.numpy() for each in self._variables()]),
        }
        save_arrays(file, arrays)

    def restore(self, file: Path) -> None:
        """Read what ``save`` wrote.

        Raises:
            TrainingError: The file belongs to another network.
        """
        with np.load(file) as saved:
            variables = self._variables()
            try:
                self.average.network.set_weights(_in_order("average", saved))
                for variable, value in zip(variables, _in_order("variable", saved), strict=True):
                    variable.assign(value)
            except ValueError as error:
                raise TrainingError(f"{file} belongs to another network") from error
            self.average.updates = int(saved["updates"])
            self.best = _in_order("best", saved)
            self.history = json.loads(str(saved["history"]))

    def _variables(self) -> list[keras.Variable]:
        """Return the weights, the random states and the optimizer's variables."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return [*self.model.variables, *optimizer.variables]


def save_history(history: History, file: Path) -> None:
    """Write a history as CSV, a row per epoch."""
    with replace_file(file) as part, part.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["epoch", *history])
        rows.writerows(
            [epoch, *values] for epoch, values in enumerate(zip(*history.values(), strict=True))
        )


def _numbered(name: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    return {f"{name}_{index:03}": array for index, array in enumerate(arrays)}


def _in_order(name: str, saved: np.lib.npyio.NpzFile) -> Arrays:
    return [saved[key] for key in sorted(saved.files) if key.startswith(f"{name}_")]
