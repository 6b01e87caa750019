"""A training run, from images to a folder with the best weights and their record."""

import dataclasses
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import keras
import numpy as np

from digits_server.models.line_engine import LiteRtLineEngine

from . import examples, networks, record
from .batches import AllBatches, SampledBatches, Sampler, ShuffledBatches, one_hot
from .calibration import Calibration, Predicted, fit_calibration
from .conversion import line_to_float32
from .datasets import DatasetError, Mnist
from .distillation import make_pool
from .errors import TrainingError
from .examples import Examples
from .keras_files import load_line_network, load_network, predict
from .line_network import line_network
from .mixture import HeldOut, Mixture, build_held_out, build_mixture
from .mixture_cache import load_mixture, save_mixture
from .network_path import network_path
from .number_calibration import fit_number_weights
from .number_sets import drawn_number_sets
from .plots import save_curves
from .run_folder import RunFolder
from .settings import FitSettings
from .strip_batches import StripBatches
from .strip_mixture import build_strips, load_strips, save_strips
from .training_loop import Plan, train
from .training_state import History

TUTORIAL_FILE: Final = "mnist.h5"
HISTORY_FILE: Final = "history.csv"
CURVES_FILE: Final = "curves.png"

logger = logging.getLogger(__name__)


def fit(settings: FitSettings, mnist: Mnist, data_dir: Path | None, run_dir: Path) -> None:
    """Train a network and write the result and its record into a folder.

    The folder gets ``model.keras``, ``history.csv``, the training curves as ``curves.png``, and
    the record ``run.json``. The tutorial's network adds ``mnist.h5``. The compact network adds
    ``calibration.json``, and ``teacher-N.keras`` and ``teacher-N.csv`` for each of its teachers.
    A teacher that the folder already has is used as it is.

    A run that was stopped in any way goes on after its last finished epoch, or chunk of labeled
    frames, when it is called again with the same settings. Until the end, what that needs is in
    the sub-folder ``unfinished``.

    The loss on held-out examples selects the best epoch of the compact network and its teachers
    and stops their training. Held-out accuracy does not, because it varies by a few images
    between epochs and once selected an epoch halfway through. The tutorial's network validates on
    the test set, as the tutorial does, so its last epoch is kept: the test set must not select
    anything.

    Args:
        settings: Settings of the run.
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes and the letters, as for ``load_mnist``.
        run_dir: Folder to write to, created if missing.

    Raises:
        DatasetError: The pen strokes, the letters or the drawings cannot be read.
        TrainingError: ``settings.start_from`` is not a network of 12 classes, or the folder holds
            another run or a finished one.
    """
    with RunFolder(run_dir, settings, data_dir) as folder:
        if settings.network == "tutorial":
            history, plan = _fit_tutorial(settings, mnist, folder)
        elif settings.network == "line":
            history, plan = _fit_line(settings, mnist, folder, data_dir)
        else:
            # First, because a wrong one should not be found out after minutes of work.
            source = _load_source(settings) if settings.start_from else None
            mixture = _load_or_build_mixture(settings, mnist, data_dir, folder)
            history, plan = _fit_compact(settings, mixture, source, folder, data_dir)
        save_curves(history, run_dir / CURVES_FILE)
        accuracies = history["val_accuracy"]
        folder.finish(len(accuracies), accuracies[plan.best_epoch(history)])


def _plan(settings: FitSettings, name: str, epochs: int) -> Plan:
    return Plan(
        name=name,
        epochs=epochs,
        average_decay=settings.average_decay,
        # Without held-out images, the last epoch is kept.
        selects=settings.validation_count > 0,
        patience=settings.patience,
    )


def _fit_tutorial(settings: FitSettings, mnist: Mnist, folder: RunFolder) -> tuple[History, Plan]:
    logger.info("Preparing the images")
    learned = examples.from_images(mnist.x_train, mnist.y_train)
    test = examples.from_images(mnist.x_test, mnist.y_test)
    targets = one_hot(learned.labels, networks.DIGIT_COUNT)
    make_batches = partial(
        ShuffledBatches, learned.frames, targets, len(targets), settings.batch_size, settings.seed
    )
    plan = _plan(settings, "model", settings.epochs)
    build = _seeded(partial(networks.tutorial, settings.learning_rate), settings.seed)
    validation = AllBatches(test, networks.DIGIT_COUNT)
    model, history = train(build, make_batches, validation, plan, folder, HISTORY_FILE)
    model.save(folder.path / TUTORIAL_FILE)
    return history, plan


def _fit_line(
    settings: FitSettings, mnist: Mnist, folder: RunFolder, data_dir: Path | None
) -> tuple[History, Plan]:
    source = _load_source(settings)
    file = folder.unfinished / "strips.npz"
    if not file.is_file():
        save_strips(build_strips(mnist, data_dir, settings.validation_count, settings.seed), file)
        folder.save_time()
    learned, held_out = load_strips(file)
    make_batches = partial(
        StripBatches, learned, settings.epoch_count, settings.batch_size, settings.seed
    )
    step_count = settings.epochs * len(make_batches(0))
    build = _seeded(
        partial(line_network, source, settings.learning_rate, step_count), settings.seed
    )
    plan = _plan(settings, "model", settings.epochs)
    validation = StripBatches(held_out, 0, 2 * settings.batch_size, settings.seed, None)
    model, history = train(build, make_batches, validation, plan, folder, HISTORY_FILE)
    logger.info("Calibrating")
    _calibrate_line(model, settings.start_from, data_dir).save(folder.path)
    return history, plan


def _load_or_build_mixture(
    settings: FitSettings, mnist: Mnist, data_dir: Path | None, folder: RunFolder
) -> Mixture:
    file = folder.unfinished / "mixture.npz"
    if file.is_file():
        return load_mixture(file)
    drawings = Path(settings.drawings) if settings.drawings else None
    mixture = build_mixture(
        *(mnist, data_dir, settings.validation_count, settings.seed, drawings, settings.drawn_share)
    )
    save_mixture(mixture, file)
    folder.save_time()
    return mixture


def _fit_compact(
    settings: FitSettings,
    mixture: Mixture,
    source: keras.Model | None,
    folder: RunFolder,
    data_dir: Path | None,
) -> tuple[History, Plan]:
    sampler = Sampler(mixture.components, settings.seed)
    make_batches = partial(
        SampledBatches, sampler, settings.epoch_count, settings.batch_size, settings.seed
    )
    teachers = _teachers(settings, source, sampler, mixture, folder)
    if teachers:
        frames, targets = make_pool(
            teachers,
            sampler,
            min(settings.taught_count, settings.epochs * settings.epoch_count),
            settings.label_copies,
            settings.seed + 1,
            folder.unfinished,
            corrected=teachers == [source],
        )
        folder.save_time()
        make_batches = partial(
            ShuffledBatches,
            frames,
            targets,
            settings.epoch_count,
            settings.batch_size,
            settings.seed,
        )
    step_count = settings.epochs * len(make_batches(0))
    make = partial(networks.copy, source) if source else networks.compact
    build = _seeded(partial(make, settings.learning_rate, step_count), settings.seed)
    plan = _plan(settings, "model", settings.epochs)
    validation = AllBatches(mixture.held_out.all())
    model, history = train(build, make_batches, validation, plan, folder, HISTORY_FILE)
    logger.info("Calibrating")
    _calibrate(model, mixture.held_out).save(folder.path)
    return history, plan


def _teachers(
    settings: FitSettings,
    source: keras.Model | None,
    sampler: Sampler,
    mixture: Mixture,
    folder: RunFolder,
) -> list[keras.Model]:
    """Return the networks whose predictions are learned.

    A network that is trained further is its own teacher. That keeps what it knows, which labels
    alone would make it forget.
    """
    if settings.teacher_epochs:
        return [
            _load_or_train_teacher(settings, index, sampler, mixture, folder)
            for index in range(settings.teachers)
        ]
    return [source] if source else []


def _load_source(settings: FitSettings) -> keras.Model:
    source = load_network(network_path(settings.start_from))
    class_count = source.output_shape[1]
    if class_count != networks.CLASS_COUNT:
        raise TrainingError(
            f"{settings.start_from} has {class_count} classes; a network to start from has "
            f"{networks.CLASS_COUNT}"
        )
    return source


def _load_or_train_teacher(
    settings: FitSettings, index: int, sampler: Sampler, mixture: Mixture, folder: RunFolder
) -> keras.Model:
    plan = _plan(settings, f"teacher-{index + 1}", settings.teacher_epochs)
    file = folder.path / f"{plan.name}.keras"
    if file.is_file() and not (folder.unfinished / f"{plan.name}.npz").is_file():
        return load_network(file)
    # Each has batches and initial weights of its own.
    make_batches = partial(
        SampledBatches, sampler, settings.epoch_count, settings.batch_size, settings.seed + index
    )
    step_count = settings.teacher_epochs * len(make_batches(0))
    make = networks.TEACHERS[index % len(networks.TEACHERS)]
    build = _seeded(partial(make, settings.learning_rate, step_count), settings.seed + index)
    validation = AllBatches(mixture.held_out.all())
    teacher, _ = train(build, make_batches, validation, plan, folder, f"{plan.name}.csv")
    return teacher


def _seeded(build: Callable[[], keras.Model], seed: int) -> Callable[[], keras.Model]:
    """Return ``build`` with the same initial weights each time it is called."""

    def build_seeded() -> keras.Model:
        keras.utils.set_random_seed(seed % 2**32)
        return build()

    return build_seeded


def calibrate(run_dir: Path, mnist: Mnist, data_dir: Path | None) -> Calibration:
    """Fit a run's temperature and threshold again, as ``fit`` does at its end, and save them.

    Args:
        run_dir: Folder of a run of the compact network, or of a line network.
        mnist: The MNIST images.
        data_dir: Folder of the pen strokes and the letters, as for ``load_mnist``.

    Raises:
        DatasetError: The pen strokes or the letters cannot be read.
        TrainingError: The folder does not hold a run with held-out images.
    """
    run = record.RunRecord.load(run_dir)
    if run is None or not run.settings["validation_count"]:
        raise TrainingError(f"{run_dir} does not hold a run with held-out images to calibrate on")
    if run.settings["network"] == "line":
        calibration = _calibrate_line(
            load_line_network(run_dir), run.settings["start_from"], data_dir
        )
        calibration.save(run_dir)
        return calibration
    held_out = build_held_out(
        mnist, data_dir, run.settings["validation_count"], run.settings["seed"]
    )
    calibration = _calibrate(load_network(run_dir), held_out)
    calibration.save(run_dir)
    return calibration


def _calibrate(model: keras.Model, held_out: HeldOut) -> Calibration:
    """Fit a calibration on held-out digits: MNIST's, drawn ones, and those in scenes."""
    digits_in_scenes = held_out.scenes.with_labels(*range(networks.DIGIT_COUNT))
    return fit_calibration(
        *(_predict(model, each) for each in (held_out.mnist, held_out.strokes, digits_in_scenes))
    )


def _calibrate_line(model: keras.Model, source: str, data_dir: Path | None) -> Calibration:
    """Fit the confidence of numbers, and return it with the calibration of the source network.

    Args:
        model: The line network.
        source: Name or path of the network that reads single digits.
        data_dir: Folder of the pen strokes, as for ``load_mnist``.
    """
    path = network_path(source)
    calibration = Calibration.load(path) if path.is_dir() else Calibration()
    try:
        numbers = drawn_number_sets(data_dir, "validation")
    except DatasetError as error:
        logger.warning("The confidence of numbers is not calibrated: %s", error)
        return calibration
    single = load_network(path)
    weights = fit_number_weights(
        numbers,
        lambda frames: predict(single, frames[..., None]),
        LiteRtLineEngine(line_to_float32(model)).predict,
        calibration,
    )
    return dataclasses.replace(calibration, number_weights=weights)


def _predict(model: keras.Model, those: Examples) -> Predicted:
    if not len(those.labels):
        return np.empty((0, networks.CLASS_COUNT), np.float32), those.labels
    return predict(model, those.inputs()), those.labels
