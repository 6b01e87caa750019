"""The parts of a resumable training."""

from pathlib import Path

import keras
import numpy as np
import pytest

from digits_training.averaging import WeightAverage
from digits_training.batches import Component
from digits_training.examples import Examples
from digits_training.mixture import HeldOut, Mixture
from digits_training.mixture_cache import load_mixture, save_mixture
from digits_training.training_loop import Plan

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept:DeprecationWarning"
)


def network(value: float) -> keras.Model:
    """Return a network with a single weight and the statistics of a normalization."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("decay", "means"), [(0.0, [1.0, 1.0, 1.0]), (0.15, [0.9, 0.985, 0.99775])]
)
def test_the_average_keeps_a_share_of_itself_and_less_in_the_first_steps(
    decay: float, means: list[float]
) -> None:
    average = WeightAverage(network(0), decay)
    trained = network(1)
    for mean in means:
        average.update(trained)
        for weight in average.network.get_weights():
            assert weight == pytest.approx(mean)
    assert average.updates == 3


def plan(*, selects: bool) -> Plan:
    return Plan("model", epochs=6, average_decay=0, selects=selects, patience=2)


@pytest.mark.parametrize(
    ("losses", "best", "is_over"),
    [
        ([3.0], 0, False),
        ([3.0, 2.0, 2.5], 1, False),
        ([3.0, 2.0, 2.5, 2.1], 1, True),
        ([3.0, 2.5, 2.0, 1.5, 1.0, 0.5], 5, True),
    ],
)
def test_the_lowest_loss_selects_the_epoch_and_ends_the_training(
    losses: list[float], best: int, is_over: bool
) -> None:
    history = {"loss": losses, "val_loss": losses}
    assert plan(selects=True).best_epoch(history) == best
    assert plan(selects=True).is_over(history) == is_over
    assert plan(selects=False).best_epoch(history) == len(losses) - 1
    assert plan(selects=False).is_over(history) == (len(losses) == 6)


def test_a_mixture_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    def some(count: int) -> Examples:
        labels = np.arange(count, dtype=np.uint8)
        return Examples(np.repeat(labels, 784).reshape(count, 28, 28), labels)

    mixture = Mixture(
        [Component(some(count), count / 10) for count in (1, 2, 3)],
        HeldOut(mnist=some(4), strokes=some(0), scenes=some(3), letters=some(5)),
    )
    save_mixture(mixture, tmp_path / "mixture.npz")
    loaded = load_mixture(tmp_path / "mixture.npz")
    assert [each.share for each in loaded.components] == [0.1, 0.2, 0.3]
    for before, after in zip(mixture.components, loaded.components, strict=True):
        assert np.array_equal(before.examples.frames, after.examples.frames)
        assert np.array_equal(before.examples.labels, after.examples.labels)
    assert np.array_equal(loaded.held_out.all().frames, mixture.held_out.all().frames)
    assert len(loaded.held_out.strokes.labels) == 0
