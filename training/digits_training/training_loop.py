"""The training of one network, which can be resumed after each epoch."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import keras

from .averaging import WeightAverage
from .batches import MakeBatches, one_hot
from .examples import Examples
from .progress import Progress, duration
from .run_folder import RunFolder, replace_file
from .training_state import History, TrainingState, save_history

EVALUATE_BATCH_SIZE: Final = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long a network is trained, and which of its weights are kept."""

    name: str
    """Name of the network's files."""

    epochs: int
    """Maximum number of epochs."""

    average_decay: float
    """See ``WeightAverage``."""

    selects: bool
    """Keep the epoch with the lowest loss on the validation examples, else the last one."""

    patience: int
    """If it selects, stop after this many epochs without a lower loss."""

    def best_epoch(self, history: History) -> int:
        """Return the epoch whose weights are kept, counted from 0."""
        losses = history["val_loss"]
        return losses.index(min(losses)) if self.selects else len(losses) - 1

    def is_over(self, history: History) -> bool:
        """Return whether no further epoch is to be trained."""
        count = len(history.get("loss", []))
        return count >= self.epochs or (
            self.selects and count > 0 and count - 1 - self.best_epoch(history) >= self.patience
        )


def train(
    build: Callable[[], keras.Model],
    make_batches: MakeBatches,
    validation: Examples,
    plan: Plan,
    folder: RunFolder,
    history_name: str,
) -> tuple[keras.Model, History]:
    """Train a network, going on after the last epoch that the folder has.

    After each epoch, the history is written as CSV, the state from which to go on, and, if they
    are the best so far, the averaged weights as ``<name>.keras``.

    Args:
        build: Returns the compiled network with its initial weights.
        make_batches: Returns the batches of an epoch.
        validation: Examples that the averaged weights are measured on.
        plan: Plan of the training.
        folder: Folder of the run.
        history_name: Name of the CSV file.

    Returns:
        The network with the weights that are kept, and the history.
    """
    model = build()
    average = WeightAverage(build(), plan.average_decay)
    average.network.set_weights(model.get_weights())
    state = TrainingState(model, average)
    file = folder.unfinished / f"{plan.name}.npz"
    if file.is_file():
        state.restore(file)
    inputs = validation.inputs()
    targets = one_hot(validation.labels, model.output_shape[1])
    began_at, first = time.monotonic(), state.epoch
    while not plan.is_over(state.history):
        epoch = state.epoch
        figures = _train_epoch(model, make_batches(epoch), epoch, average, plan)
        measured = average.network.evaluate(
            inputs, targets, batch_size=EVALUATE_BATCH_SIZE, verbose=0, return_dict=True
        )
        state.append(figures | {f"val_{name}": value for name, value in measured.items()})
        if plan.best_epoch(state.history) == epoch:
            state.best = average.network.get_weights()
        save_history(state.history, folder.path / history_name)
        state.save(file)
        folder.save_time()
        if plan.best_epoch(state.history) == epoch:
            _save(average.network, folder, plan)
        logger.info(
            "%s, epoch %d of %d: loss %.4f, held out %.4f (accuracy %.2f %%)%s",
            *(plan.name, epoch + 1, plan.epochs, figures["loss"], measured["loss"]),
            100 * measured["accuracy"],
            _time_left(plan, state, (time.monotonic() - began_at) / (epoch + 1 - first)),
        )
    average.network.set_weights(state.best)
    _save(average.network, folder, plan)
    return average.network, state.history


def _time_left(plan: Plan, state: TrainingState, epoch_seconds: float) -> str:
    if plan.is_over(state.history):
        return ""
    # With a limited patience, the training may end before its last epoch.
    limit = "at most" if plan.selects and plan.patience < plan.epochs else "about"
    return f", {limit} {duration((plan.epochs - state.epoch) * epoch_seconds)} left for {plan.name}"


class _EpochProgress(keras.callbacks.Callback):  # type: ignore[misc]
    """Logs the progress of an epoch."""

    def __init__(self, title: str, step_count: int) -> None:
        super().__init__()
        self._progress = Progress(logger, title)
        self._step_count = step_count

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self._progress.update((batch + 1) / self._step_count)


def _save(network: keras.Model, folder: RunFolder, plan: Plan) -> None:
    with replace_file(folder.path / f"{plan.name}.keras") as part:
        network.save(part)


def _train_epoch(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    epoch: int,
    average: WeightAverage,
    plan: Plan,
) -> dict[str, float]:
    history = model.fit(
        batches,
        initial_epoch=epoch,
        epochs=epoch + 1,
        callbacks=[average, _EpochProgress(f"{plan.name}, epoch {epoch + 1}", len(batches))],
        shuffle=False,  # an order of its own would not be the same after a resumption
        verbose=0,
    )
    return {name: values[0] for name, values in history.history.items()}
