"""The shapes and the cost of the networks."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from digits_training import networks

MAX_COMPACT_FLOP = 12_000_000


def flop_count(model: keras.Model) -> int:
    """Return the number of multiplications and additions in convolutions and dense layers."""
    count = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, filters = layer.output.shape
            kernel_height, kernel_width, channels, _ = layer.kernel.shape
            count += 2 * height * width * filters * kernel_height * kernel_width * channels
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            _, height, width, filters = layer.output.shape
            count += 2 * height * width * filters * int(np.prod(layer.kernel_size))
        elif isinstance(layer, keras.layers.Dense):
            count += 2 * int(np.prod(layer.kernel.shape))
    return count


@pytest.mark.parametrize(
    ("model", "class_count"),
    [
        (networks.tutorial(1.0), 10),
        (networks.compact(0.001, 10), 12),
        (networks.plain_teacher(0.001, 10), 12),
        (networks.residual_teacher(0.001, 10), 12),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_network_maps_frames_to_probabilities(model: keras.Model, class_count: int) -> None:
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, class_count)
    probs = np.asarray(model(np.zeros((2, 28, 28, 1), np.float32)))
    assert np.allclose(probs.sum(axis=1), 1)


@pytest.mark.parametrize("make", [networks.compact, *networks.TEACHERS])
def test_the_docstring_states_the_cost_of_the_network(
    make: Callable[[float, int], keras.Model],
) -> None:
    model = make(0.001, 10)
    cost = f"{flop_count(model) / 1e6:.1f}".removesuffix(".0")
    assert f"{cost} MFLOP per image" in (make.__doc__ or "")


def test_the_compact_network_stays_within_its_limit() -> None:
    model = networks.compact(0.001, 10)
    assert flop_count(model) <= MAX_COMPACT_FLOP
    assert f"{model.count_params():,} weights" in (networks.compact.__doc__ or "")


def test_the_tutorials_network_has_the_tutorials_layers() -> None:
    model = networks.tutorial(1.0)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Conv2D", "Conv2D", "MaxPooling2D", "Dropout"),
        *("Flatten", "Dense", "Dropout", "Dense"),
    ]
    assert [layer.filters for layer in model.layers[:2]] == [32, 64]
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [0.25, 0.5]
    assert model.count_params() == 2_380_938
    assert "2,380,938 weights" in (networks.tutorial.__doc__ or "")
    assert isinstance(model.optimizer, keras.optimizers.Adadelta)
    assert float(model.optimizer.learning_rate) == 1.0


def test_the_learning_rate_warms_up_and_then_falls_to_0() -> None:
    schedule = networks.compact(0.01, step_count=100).optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == rates[4] == pytest.approx(0.01)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[4:] == sorted(rates[4:], reverse=True)


def test_a_schedule_of_a_single_step_is_valid() -> None:
    networks.compact(0.01, step_count=1)
