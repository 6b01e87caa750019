"""Settings of a training run: one frozen record, saved next to the result."""

from dataclasses import dataclass
from typing import Literal, Self

Network = Literal["tutorial", "compact"]


@dataclass(frozen=True)
class FitSettings:
    """Settings of ``digits-train fit``. Equal settings give equal metrics, up to noise."""

    network: Network = "compact"
    """Network to train."""

    epochs: int = 36
    """Maximum number of epochs, not counting the teacher's."""

    batch_size: int = 256
    """Images per step."""

    learning_rate: float = 3e-3
    """Learning rate; for ``compact`` its peak, from which it falls along a cosine."""

    teacher_epochs: int = 18
    """Epochs of the larger network that ``compact`` is distilled from; 0 for no teacher."""

    epoch_count: int = 100_000
    """Images per epoch, sampled from all components of the mixture in fixed shares."""

    taught_count: int = 600_000
    """Number of different images that the teacher labels for ``compact``."""

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
    def for_network(cls, network: Network, **changes: object) -> Self:
        """Return a network's defaults, replaced by every change that is not None."""
        defaults = TUTORIAL if network == "tutorial" else COMPACT
        if changes.get("start_from"):
            defaults = defaults | FINE_TUNING
        given = {name: value for name, value in changes.items() if value is not None}
        return cls(**(defaults | given))  # type: ignore[arg-type]  # the keys are field names


COMPACT: dict[str, object] = {"network": "compact"}

# A trained network learns a little more, slowly so that it does not forget.
FINE_TUNING: dict[str, object] = {"epochs": 2, "learning_rate": 1e-4, "teacher_epochs": 0}

# The tutorial as it was written, except for the learning rate: it used Keras' default for
# Adadelta, which was 1.0 then and is 0.001 now. With 0.001, ten epochs are far too few.
TUTORIAL: dict[str, object] = {
    "network": "tutorial",
    "epochs": 10,
    "batch_size": 128,
    "learning_rate": 1.0,
    "teacher_epochs": 0,
    "validation_count": 0,
}
