"""The networks: their cost and their shapes."""

import keras
import numpy as np
import pytest

from digits_training import networks
from digits_training.settings import FitSettings

MAX_COMPACT_FLOP = 12_000_000


def flop_count(model: keras.Model) -> int:
    """Return multiplications and additions of the convolutions and dense layers."""
    count = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, filters = layer.output.shape
            kernel_height, kernel_width, channels, _ = layer.kernel.shape
            count += 2 * height * width * filters * kernel_height * kernel_width * channels
        elif isinstance(layer, keras.layers.Dense):
            count += 2 * int(np.prod(layer.kernel.shape))
    return count


@pytest.fixture(params=["compact", "tutorial"])
def model(request: pytest.FixtureRequest) -> keras.Model:
    """Each network in turn."""
    return networks.build(FitSettings.for_network(request.param), steps_per_epoch=10)


def test_a_network_maps_frames_to_ten_shares(model: keras.Model) -> None:
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    shares = np.asarray(model(np.zeros((2, 28, 28, 1), np.float32)))
    assert np.allclose(shares.sum(axis=1), 1)


def test_the_compact_network_costs_what_its_description_says() -> None:
    model = networks.build(FitSettings(), steps_per_epoch=10)
    count = flop_count(model)
    assert count <= MAX_COMPACT_FLOP
    assert f"{model.count_params():,} weights, {count / 1e6:.1f} MFLOP" in (
        networks._compact.__doc__ or ""
    )


def test_the_tutorials_network_is_the_tutorials() -> None:
    model = networks.build(FitSettings.for_network("tutorial"), steps_per_epoch=10)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Conv2D", "Conv2D", "MaxPooling2D", "Dropout"),
        *("Flatten", "Dense", "Dropout", "Dense"),
    ]
    assert [layer.filters for layer in model.layers[:2]] == [32, 64]
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [0.25, 0.5]
    assert model.count_params() == 2_380_938
    assert "2,380,938 weights" in (networks._tutorial.__doc__ or "")
    assert isinstance(model.optimizer, keras.optimizers.Adadelta)
    assert float(model.optimizer.learning_rate) == 1.0


def test_the_compact_networks_rate_rises_for_an_epoch_and_then_falls_to_0() -> None:
    settings = FitSettings(epochs=5, learning_rate=0.01)
    rate = networks.build(settings, steps_per_epoch=10).optimizer._learning_rate
    rates = [float(rate(step)) for step in range(51)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == rates[10] == pytest.approx(0.01)
    assert rates[50] == pytest.approx(0, abs=1e-9)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_one_epoch_is_enough_for_a_rate() -> None:
    networks.build(FitSettings(epochs=1), steps_per_epoch=1)
