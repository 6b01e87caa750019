"""The training of one network, which can be resumed after each epoch."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras

from .averaging import WeightAverage
from .batches import MakeBatches
from .progress import Progress, duration
from .run_folder import RunFolder, replace_file
from .training_state import History, TrainingState, save_history

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
    validation: keras.utils.PyDataset,
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
        validation: Batches that the averaged weights are measured on.
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
    began_at, first = time.monotonic(), state.epoch
    while not plan.is_over(state.history):
        epoch = state.epoch
        figures = _train_epoch(model, make_batches(epoch), epoch, average, plan)
        measured = _measure(average.network, validation)
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


def _measure(network: keras.Model, batches: keras.utils.PyDataset) -> dict[str, float]:
    """Return the means of the loss and the metrics over all batches."""
    return _mean(
        [
            (len(batch[0]), network.test_on_batch(*batch, return_dict=True))
            for batch in _read_ahead(batches)
        ]
    )


def _mean(figures: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """Return the mean of each figure of batches, weighted with their sizes."""
    total = sum(count for count, _ in figures)
    return {
        name: sum(count * float(values[name]) for count, values in figures) / total
        for name in figures[0][1]
    }


def _time_left(plan: Plan, state: TrainingState, epoch_seconds: float) -> str:
    if plan.is_over(state.history):
        return ""
    # With a limited patience, the training may end before its last epoch.
    limit = "at most" if plan.selects and plan.patience < plan.epochs else "about"
    return f", {limit} {duration((plan.epochs - state.epoch) * epoch_seconds)} left for {plan.name}"


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
    progress = Progress(logger, f"{plan.name}, epoch {epoch + 1}")
    figures = []
    for batch in _read_ahead(batches):
        figures.append((len(batch[0]), model.train_on_batch(*batch, return_dict=True)))
        average.update(model)
        progress.update(len(figures) / len(batches))
    return _mean(figures)


def _read_ahead(batches: keras.utils.PyDataset) -> Iterator[Any]:
    """Yield the batches in their order, each made while the one before is used."""
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(batches.__getitem__, 0)
        for index in range(1, len(batches)):
            batch = following.result()
            following = thread.submit(batches.__getitem__, index)
            yield batch
        yield following.result()
