"""One training run, from images to a folder with the best weights and its record."""

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import keras

from . import networks, record
from .batches import DrawnBatches, PlainBatches, one_hot, taught
from .calibration import Calibration, calibrated
from .datasets import Mnist
from .errors import TrainingError
from .examples import Examples, of_images
from .keras_files import KERAS_FILE, load_network, predict
from .mixture import Curriculum, HeldOut, curriculum, held_out
from .plots import save_curves
from .settings import FitSettings
from .sources import source_named

TEACHER_FILE = "teacher.keras"
TUTORIAL_FILE = "mnist.h5"
HISTORY_FILE = "history.csv"
CURVES_FILE = "curves.png"


def fit(settings: FitSettings, mnist: Mnist, data_dir: Path | None, run_dir: Path) -> None:
    """Train a network and leave the result and its record in a folder.

    The folder gets ``model.keras`` (for the tutorial's network also ``mnist.h5``, for the
    compact one also ``teacher.keras``), the history as CSV, the training curves as a
    picture, and ``run.json``, which says how it came about. ``model.keras`` is written at
    every epoch that is the best so far; a teacher that the folder has already is used.

    The compact network's epoch is chosen, and its training stopped, by the loss on examples
    kept out of the training sets: their accuracy goes up and down by a few images, and once
    made an epoch of the middle the best. The tutorial's validates on the test set, as it was
    written, and so nothing may be chosen by it: its last epoch stands.

    Args:
        settings: What to train, and how.
        mnist: The images.
        data_dir: Where the pen strokes and the letters are, as for ``load_mnist``.
        run_dir: The folder, made where it is missing.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings are there but cannot be
            read.
        TrainingError: The network to begin with is another one.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)
    began = time.monotonic()
    if settings.network == "tutorial":
        history = _fit_tutorial(settings, mnist, run_dir)
    else:
        drawings = Path(settings.drawings) if settings.drawings else None
        made = curriculum(mnist, data_dir, settings.validation_count, settings.seed, drawings)
        history = _fit_compact(settings, made, run_dir)
    save_curves(history, run_dir / CURVES_FILE)
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    # The tutorial's last epoch stands.
    kept = losses.index(min(losses)) if settings.validation_count else -1
    record.RunRecord(
        command=record.command_line(),
        commit=record.commit(),
        data=record.checksums(settings, data_dir),
        settings=dataclasses.asdict(settings),
        versions=record.versions(),
        epochs=len(accuracies),
        seconds=round(time.monotonic() - began, 1),
        validation_accuracy=accuracies[kept],
    ).save(run_dir)


History = dict[str, list[float]]


def _fit_tutorial(settings: FitSettings, mnist: Mnist, run_dir: Path) -> History:
    train, test = of_images(mnist.x_train, mnist.y_train), of_images(mnist.x_test, mnist.y_test)
    model = networks.tutorial(settings.learning_rate)
    digits = networks.DIGIT_COUNT
    batches = PlainBatches(
        train.frames,
        one_hot(train.labels, digits),
        len(train.labels),
        settings.batch_size,
        settings.seed,
    )
    history = _train(model, batches, settings.epochs, test, [_log(run_dir)])
    model.save(run_dir / KERAS_FILE)
    model.save(run_dir / TUTORIAL_FILE)
    return history


def _fit_compact(settings: FitSettings, made: Curriculum, run_dir: Path) -> History:
    kept_out = made.held_out.all()
    batches: keras.utils.PyDataset
    if settings.teacher_epochs:
        teacher = _teacher(settings, made, kept_out, run_dir)
        frames, targets = taught(teacher, made.kinds, settings.taught_count, settings.seed + 1)
        batches = PlainBatches(
            frames, targets, settings.epoch_count, settings.batch_size, settings.seed
        )
    else:
        batches = DrawnBatches(made.kinds, settings.epoch_count, settings.batch_size, settings.seed)
    # Again, so that it begins with the same weights whether its teacher was at hand or not.
    keras.utils.set_random_seed(settings.seed)
    model = networks.compact(settings.learning_rate, settings.epochs * len(batches))
    if settings.start_from:
        _take_weights(model, source_named(settings.start_from))
    callbacks = [
        _log(run_dir),
        keras.callbacks.ModelCheckpoint(
            str(run_dir / KERAS_FILE), monitor="val_loss", save_best_only=True
        ),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=settings.patience, restore_best_weights=True
        ),
    ]
    history = _train(model, batches, settings.epochs, kept_out, callbacks)
    model.save(run_dir / KERAS_FILE)
    _calibrate(model, made.held_out).save(run_dir)
    return history


def calibrate(run_dir: Path, mnist: Mnist, data_dir: Path | None) -> Calibration:
    """Fit a run's temperature and threshold anew, as ``fit`` does at its end, and keep them.

    Args:
        run_dir: The folder of a run of the compact network.
        mnist: The images.
        data_dir: Where the pen strokes and the letters are, as for ``load_mnist``.

    Raises:
        DatasetError: The pen strokes or the letters are there but cannot be read.
        TrainingError: The folder holds no such run.
    """
    made = record.RunRecord.load(run_dir)
    if made is None or not made.settings["validation_count"]:
        raise TrainingError(f"{run_dir} holds no run that kept images out to calibrate with")
    settings = made.settings
    kept_out = held_out(mnist, data_dir, settings["validation_count"], settings["seed"])
    calibration = _calibrate(load_network(run_dir), kept_out)
    calibration.save(run_dir)
    return calibration


def _calibrate(model: keras.Model, kept_out: HeldOut) -> Calibration:
    mnist, strokes = kept_out.mnist, kept_out.strokes
    if not len(strokes.labels):
        strokes = mnist
    return calibrated(
        (predict(model, mnist.inputs()), mnist.labels),
        (predict(model, strokes.inputs()), strokes.labels),
    )


def _teacher(
    settings: FitSettings, made: Curriculum, kept_out: Examples, run_dir: Path
) -> keras.Model:
    file = run_dir / TEACHER_FILE
    if file.is_file():
        return keras.models.load_model(file)
    batches = DrawnBatches(made.kinds, settings.epoch_count, settings.batch_size, settings.seed)
    model = networks.teacher(settings.learning_rate, settings.teacher_epochs * len(batches))
    _train(model, batches, settings.teacher_epochs, kept_out, [])
    model.save(file)
    return model


def _take_weights(model: keras.Model, source: Path) -> None:
    try:
        model.set_weights(load_network(source).get_weights())
    except ValueError as error:
        raise TrainingError(f"{source} is another network than {model.name}") from error


def _train(
    model: keras.Model,
    batches: keras.utils.PyDataset,
    epochs: int,
    kept_out: Examples,
    callbacks: list[keras.callbacks.Callback],
) -> History:
    class_count = model.output_shape[1]
    history: Any = model.fit(
        batches,
        epochs=epochs,
        validation_data=(kept_out.inputs(), one_hot(kept_out.labels, class_count)),
        validation_batch_size=500,
        callbacks=callbacks,
        # A bar for a person; a line an epoch for a log.
        verbose=1 if sys.stdout.isatty() else 2,
    )
    return dict(history.history)


def _log(run_dir: Path) -> keras.callbacks.Callback:
    return keras.callbacks.CSVLogger(str(run_dir / HISTORY_FILE))
