"""A training run, from images to a folder with the best weights and their record."""

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import keras

from . import examples, networks, record
from .batches import SampledBatches, ShuffledBatches, distill, one_hot
from .calibration import Calibration, fit_calibration
from .datasets import Mnist
from .errors import TrainingError
from .examples import Examples
from .keras_files import KERAS_FILE, load_network, predict
from .mixture import HeldOut, Mixture, build_held_out, build_mixture
from .network_path import network_path
from .plots import save_curves
from .settings import FitSettings

TEACHER_FILE = "teacher.keras"
TUTORIAL_FILE = "mnist.h5"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"


def fit(settings: FitSettings, mnist: Mnist, data_dir: Path | None, run_dir: Path) -> None:
    """Train a network and write the result and its record into a folder.

    The folder gets ``model.keras``, ``history.csv``, the training curves as ``curves.png``, and
    the record ``run.json``. The tutorial's network adds ``mnist.h5``. The compact network adds
    ``calibration.json`` and, if it has a teacher, ``teacher.keras``; a teacher already in the
    folder is reused. ``model.keras`` is written after each epoch that is the best so far.

    The loss on held-out examples selects the compact network's best epoch and stops its
    training. Held-out accuracy does not, because it varies by a few images between epochs and
    once selected an epoch halfway through. The tutorial's network validates on the test set,
    as the tutorial does, so its last epoch is kept: the test set must not select anything.

    Args:
        settings: Settings of the run.
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes and the letters, as for ``load_mnist``.
        run_dir: Folder to write to, created if missing.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings cannot be read.
        TrainingError: ``settings.start_from`` is not a compact network.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    start = time.monotonic()
    if settings.network == "tutorial":
        history = _fit_tutorial(settings, mnist, run_dir)
    else:
        drawings = Path(settings.drawings) if settings.drawings else None
        mixture = build_mixture(mnist, data_dir, settings.validation_count, settings.seed, drawings)
        history = _fit_compact(settings, mixture, run_dir)
    save_curves(history, run_dir / CURVES_FILE)
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    # Without held-out examples, the last epoch is kept.
    best = losses.index(min(losses)) if settings.validation_count else -1
    record.RunRecord(
        command=record.command_line(),
        commit=record.commit(),
        data=record.checksums(settings, data_dir),
        settings=dataclasses.asdict(settings),
        versions=record.versions(),
        epochs=len(accuracies),
        seconds=round(time.monotonic() - start, 1),
        validation_accuracy=accuracies[best],
    ).save(run_dir)


History = dict[str, list[float]]


def _fit_tutorial(settings: FitSettings, mnist: Mnist, run_dir: Path) -> History:
    train = examples.from_images(mnist.x_train, mnist.y_train)
    test = examples.from_images(mnist.x_test, mnist.y_test)
    model = networks.tutorial(settings.learning_rate)
    targets = one_hot(train.labels, networks.DIGIT_COUNT)
    batches = ShuffledBatches(
        train.frames, targets, len(targets), settings.batch_size, settings.seed
    )
    history = _train(model, batches, settings.epochs, test, [_history_logger(run_dir)])
    model.save(run_dir / KERAS_FILE)
    model.save(run_dir / TUTORIAL_FILE)
    return history


def _fit_compact(settings: FitSettings, mixture: Mixture, run_dir: Path) -> History:
    validation = mixture.held_out.all()
    batches: keras.utils.PyDataset = SampledBatches(
        mixture.components, settings.epoch_count, settings.batch_size, settings.seed
    )
    if settings.teacher_epochs:
        teacher = _load_or_train_teacher(settings, batches, validation, run_dir)
        frames, targets = distill(
            teacher, mixture.components, settings.taught_count, settings.seed + 1
        )
        batches = ShuffledBatches(
            frames, targets, settings.epoch_count, settings.batch_size, settings.seed
        )
    # Again, so that the initial weights do not depend on whether a teacher was trained.
    keras.utils.set_random_seed(settings.seed)
    model = networks.compact(settings.learning_rate, settings.epochs * len(batches))
    if settings.start_from:
        _copy_weights(model, network_path(settings.start_from))
    callbacks = [
        _history_logger(run_dir),
        keras.callbacks.ModelCheckpoint(
            str(run_dir / KERAS_FILE), monitor="val_loss", save_best_only=True
        ),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=settings.patience, restore_best_weights=True
        ),
    ]
    history = _train(model, batches, settings.epochs, validation, callbacks)
    model.save(run_dir / KERAS_FILE)
    _calibrate(model, mixture.held_out).save(run_dir)
    return history


def calibrate(run_dir: Path, mnist: Mnist, data_dir: Path | None) -> Calibration:
    """Fit a run's temperature and threshold again, as ``fit`` does at its end, and save them.

    Args:
        run_dir: Folder of a run of the compact network.
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes and the letters, as for ``load_mnist``.

    Raises:
        DatasetError: The pen strokes or the letters cannot be read.
        TrainingError: The folder does not hold a run with held-out images.
    """
    run = record.RunRecord.load(run_dir)
    if run is None or not run.settings["validation_count"]:
        raise TrainingError(f"{run_dir} does not hold a run with held-out images to calibrate on")
    held_out = build_held_out(
        mnist, data_dir, run.settings["validation_count"], run.settings["seed"]
    )
    calibration = _calibrate(load_network(run_dir), held_out)
    calibration.save(run_dir)
    return calibration


def _calibrate(model: keras.Model, held_out: HeldOut) -> Calibration:
    mnist = held_out.mnist
    strokes = held_out.strokes if len(held_out.strokes.labels) else mnist
    return fit_calibration(
        (predict(model, mnist.inputs()), mnist.labels),
        (predict(model, strokes.inputs()), strokes.labels),
    )


def _load_or_train_teacher(
    settings: FitSettings, batches: keras.utils.PyDataset, validation: Examples, run_dir: Path
) -> keras.Model:
    file = run_dir / TEACHER_FILE
    if file.is_file():
        return keras.models.load_model(file)
    model = networks.teacher(settings.learning_rate, settings.teacher_epochs * len(batches))
    _train(model, batches, settings.teacher_epochs, validation, [])
    model.save(file)
    return model


def _copy_weights(model: keras.Model, source: Path) -> None:
    try:
        model.set_weights(load_network(source).get_weights())
    except ValueError as error:
        raise TrainingError(f"{source} is not a {model.name} network") from error


def _train(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    epochs: int,
    validation: Examples,
    callbacks: list[keras.callbacks.Callback],
) -> History:
    class_count = model.output_shape[1]
    history: Any = model.fit(
        batches,
        epochs=epochs,
        validation_data=(validation.inputs(), one_hot(validation.labels, class_count)),
        validation_batch_size=500,
        callbacks=callbacks,
        # A progress bar on a terminal, else one line per epoch.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return dict(history.history)


def _history_logger(run_dir: Path) -> keras.callbacks.Callback:
    return keras.callbacks.CSVLogger(str(run_dir / HISTORY_FILE))
