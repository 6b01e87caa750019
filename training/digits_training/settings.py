"""Settings of a training run: one frozen record, saved next to the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

from .errors import TrainingError

Network = Literal["tutorial", "compact", "line"]
Preset = Literal["standard", "long"]


@dataclass(frozen=True)
class FitSettings:
    """Settings of ``digits-train fit``. Equal settings give equal metrics, up to noise."""

    network: Network = "compact"
    """Network to train."""

    epochs: int = 36
    """Maximum number of epochs, not counting the teachers'."""

    batch_size: int = 256
    """Images per step."""

    learning_rate: float = 3e-3
    """Learning rate; for ``compact`` its peak, from which it falls along a cosine."""

    teachers: int = 1
    """Number of larger networks whose mean prediction ``compact`` is distilled from."""

    teacher_epochs: int = 12
    """Maximum number of epochs of each teacher; 0 for no teacher but the network to start from."""

    label_copies: int = 1
    """Versions of each image that the teachers predict: itself, and slightly moved copies."""

    average_decay: float = 0.999
    """Share of the running average of the weights that each step keeps; 0 for no average."""

    epoch_count: int = 100_000
    """Images per epoch, sampled from all components of the mixture in fixed shares."""

    taught_count: int = 600_000
    """Number of different images that the teachers label for ``compact``."""

    drawn_share: float = 1.0
    """Share of the images of the mixture that are drawn; fewer take less time."""

    validation_count: int = 5000
    """Images held out of MNIST's training set, to select the best epoch and to stop early."""

    patience: int = 24
    """Stop after this many epochs without a lower validation loss."""

    drawings: str = ""
    """Folder of corrected drawings to learn from as well; empty for none."""

    start_from: str = ""
    """Network whose weights to start from: the folder of a run, a Keras file, or ``shipped``;
    empty for random weights."""

    seed: int = 1
    """Seed of the split, the initial weights, the order of the images and the augmentation."""

    @classmethod
    def for_network(cls, network: Network, preset: Preset = "standard", **changes: object) -> Self:
        """Return the defaults of a network, replaced by every change that is not None."""
        return cls(**expand(network, preset, changes))  # type: ignore[arg-type]  # names of fields


def expand(
    network: Network | None, preset: Preset | None, changes: Mapping[str, object]
) -> dict[str, object]:
    """Return the settings that options stand for.

    These are those of the network and the preset, replaced by every change that is not None.

    Raises:
        TrainingError: The preset is not for the network.
    """
    settings: dict[str, object] = {"network": network} if network else {}
    if network in ("tutorial", "line") and preset == "long":
        raise TrainingError("the preset 'long' is for the network 'compact'")
    settings |= PRESETS[preset] if preset else {}
    if changes.get("start_from") and network != "line":
        settings |= FINE_TUNING
    if network == "tutorial":
        settings |= TUTORIAL
    if network == "line":
        settings |= LINE
    return settings | {name: value for name, value in changes.items() if value is not None}


# For up to 8 hours on 2 cores. The defaults take up to 90 minutes.
LONG: Final[dict[str, object]] = {
    "epochs": 80,
    "teachers": 2,
    "teacher_epochs": 24,
    "taught_count": 800_000,
    "label_copies": 2,
    "patience": 40,
}
PRESETS: Final[dict[Preset, dict[str, object]]] = {"standard": {}, "long": LONG}

# A trained network learns a little more, slowly so that it does not forget.
FINE_TUNING: Final[dict[str, object]] = {
    "epochs": 2,
    "learning_rate": 1e-4,
    "teacher_epochs": 0,
    "drawn_share": 0.25,
}

# The network that reads lines begins with the layers of a compact one.
LINE: Final[dict[str, object]] = {
    "epochs": 30,
    "epoch_count": 40_000,
    "batch_size": 64,
    "learning_rate": 2e-3,
    "teacher_epochs": 0,
    "start_from": "shipped",
}

# The tutorial as it was written, except for the learning rate: it used Keras' default for
# Adadelta, which was 1.0 then and is 0.001 now. With 0.001, ten epochs are far too few.
TUTORIAL: Final[dict[str, object]] = {
    "epochs": 10,
    "batch_size": 128,
    "learning_rate": 1.0,
    "teacher_epochs": 0,
    "average_decay": 0.0,
    "validation_count": 0,
}
