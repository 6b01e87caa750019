"""What a training run is made of: one frozen record, saved beside its result."""

from dataclasses import dataclass
from typing import Literal, Self

Network = Literal["tutorial", "compact"]


@dataclass(frozen=True)
class FitSettings:
    """One run of ``digits-train fit``. Equal settings give equal figures within noise."""

    network: Network = "compact"
    """Which network to train."""

    epochs: int = 36
    """The most passes of the network that is to be shipped."""

    batch_size: int = 256
    """Images a step."""

    learning_rate: float = 3e-3
    """The optimizer's rate; for ``compact`` its peak, after which it falls along a cosine."""

    teacher_epochs: int = 18
    """Passes of the larger network that teaches ``compact``; 0 for no teacher."""

    epoch_count: int = 100_000
    """Images a pass, drawn from all kinds of examples in fixed shares."""

    taught_count: int = 600_000
    """Different images that the teacher answers for ``compact`` to learn from."""

    validation_count: int = 5000
    """Images kept out of MNIST's training set to choose the weights and to stop by."""

    patience: int = 24
    """Epochs without a lower validation loss after which the run stops."""

    drawings: str = ""
    """A folder of corrected drawings to learn from too; none if empty."""

    start_from: str = ""
    """A run's folder or a Keras file whose weights to begin with, or ``shipped``; new ones if
    empty."""

    seed: int = 1
    """Of the split, the first weights, the order of the images and their augmentation."""

    @classmethod
    def for_network(cls, network: Network, **changes: object) -> Self:
        """Return the defaults of a network, with changes; a change that is None is none."""
        defaults = TUTORIAL if network == "tutorial" else COMPACT
        if changes.get("start_from"):
            defaults = defaults | FURTHER
        given = {name: value for name, value in changes.items() if value is not None}
        return cls(**(defaults | given))  # type: ignore[arg-type]  # the names are the fields'


COMPACT: dict[str, object] = {"network": "compact"}

# A network that is trained already learns a little more: slowly, lest it forget.
FURTHER: dict[str, object] = {"epochs": 2, "learning_rate": 1e-4, "teacher_epochs": 0}

# The tutorial as it was written, but for the learning rate. Its Adadelta took Keras'
# default, which was 1.0 then and is 0.001 now; with the latter it stops far from done.
TUTORIAL: dict[str, object] = {
    "network": "tutorial",
    "epochs": 10,
    "batch_size": 128,
    "learning_rate": 1.0,
    "teacher_epochs": 0,
    "validation_count": 0,
}
