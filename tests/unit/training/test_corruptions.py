"""Corruptions of images."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_training.corruptions import CORRUPTIONS, Corruption, on_canvas
from digits_training.datasets import Mnist

EVERY_CORRUPTION = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
EXACT_CORRUPTION = pytest.mark.parametrize(
    "corruption", [c for c in CORRUPTIONS if c.name != "noise"], ids=lambda c: c.name
)
Gray = NDArray[np.uint8]


@pytest.fixture
def light_on_dark(sample_mnist: Mnist) -> Gray:
    """A digit on a canvas of (300, 300), with ink 255 on 0."""
    return on_canvas(sample_mnist.x_test[22])


@pytest.fixture(params=["light on dark", "dark on light"])
def canvas(request: pytest.FixtureRequest, light_on_dark: Gray) -> Gray:
    return light_on_dark if request.param == "light on dark" else 255 - light_on_dark


def corrupt(corruption: Corruption, canvas: Gray, level: int) -> Gray:
    """Return a canvas corrupted with the severity of a level, 0 to 4."""
    return corruption.apply(canvas, corruption.severities[level], np.random.default_rng(7))


def change(corruption: Corruption, canvas: Gray, level: int) -> float:
    after = corrupt(corruption, canvas, level)
    return float(np.abs(after.astype(float) - canvas).mean())


@EVERY_CORRUPTION
def test_the_highest_severity_changes_more_than_the_lowest(
    corruption: Corruption, canvas: Gray
) -> None:
    assert 0 < change(corruption, canvas, 0) < change(corruption, canvas, 4)


@pytest.mark.parametrize(
    "corruption",
    [c for c in CORRUPTIONS if c.name not in {"shift", "scale", "thickness"}],
    ids=lambda c: c.name,
)
def test_each_severity_changes_more_than_the_one_before(
    corruption: Corruption, canvas: Gray
) -> None:
    # Except for signed severities, and for ink that no longer overlaps its original place.
    changes = [change(corruption, canvas, level) for level in range(5)]
    assert changes == sorted(changes)


@EVERY_CORRUPTION
@pytest.mark.parametrize("level", range(5))
def test_an_image_keeps_its_shape_type_and_polarity(
    corruption: Corruption, level: int, canvas: Gray
) -> None:
    before = canvas.copy()
    after = corrupt(corruption, canvas[:, 20:], level)
    assert after.shape == (300, 280)
    assert after.dtype == np.uint8
    ground = np.median(canvas)
    # Noise is equal on ink and ground, and so keeps their difference.
    assert (after.mean() > ground) == (canvas.mean() > ground)
    assert abs(np.median(after[:5].astype(float)) - ground) < 60
    assert np.array_equal(canvas, before)


@EVERY_CORRUPTION
def test_equal_seeds_corrupt_alike(corruption: Corruption, canvas: Gray) -> None:
    assert np.array_equal(corrupt(corruption, canvas, 3), corrupt(corruption, canvas, 3))


@EXACT_CORRUPTION
def test_light_and_dark_ink_are_corrupted_alike(
    corruption: Corruption, light_on_dark: Gray
) -> None:
    light = corrupt(corruption, light_on_dark, 4).astype(int)
    dark = corrupt(corruption, 255 - light_on_dark, 4).astype(int)
    assert np.abs(light - (255 - dark)).max() <= 1


@EXACT_CORRUPTION
@pytest.mark.parametrize("level", [0, 4])
def test_a_blank_image_stays_blank(corruption: Corruption, level: int) -> None:
    blank = np.full((300, 300), 255, np.uint8)
    assert np.array_equal(corrupt(corruption, blank, level), blank)


def test_a_shift_is_in_pixels_of_a_canvas_of_300() -> None:
    shift = CORRUPTIONS[0]
    for side in (300, 600):
        spot = np.zeros((side, side), np.uint8)
        middle = side // 2
        spot[middle - 4 : middle + 4, middle - 4 : middle + 4] = 255
        rows, columns = np.nonzero(corrupt(shift, spot, 2))
        distance = np.hypot(rows.mean() - middle + 0.5, columns.mean() - middle + 0.5)
        assert distance == pytest.approx(40 * side / 300, abs=1)


def test_a_negative_thickness_makes_strokes_thinner(canvas: Gray) -> None:
    thickness = next(c for c in CORRUPTIONS if c.name == "thickness")
    ground = int(np.median(canvas))
    ink = [
        np.count_nonzero(np.abs(corrupt(thickness, canvas, level).astype(int) - ground) > 127)
        for level in range(5)
    ]
    assert ink == sorted(set(ink))
    assert thickness.severities[1] < 0 < thickness.severities[2]


@pytest.mark.parametrize("shape", [(28, 28), (56, 40), (300, 300), (900, 450), (1, 7)])
@pytest.mark.parametrize("ground", [0, 255])
def test_an_image_of_any_size_is_put_on_a_canvas_with_its_ground(
    shape: tuple[int, int], ground: int
) -> None:
    canvas = on_canvas(np.full(shape, ground, np.uint8))
    assert canvas.shape == (300, 300)
    assert (canvas == ground).all()


def test_a_digit_on_a_canvas_has_the_same_frame(light_on_dark: Gray, sample_mnist: Mnist) -> None:
    before = sample_mnist.x_test[22].astype(np.float32) / 255
    assert np.abs(normalize(light_on_dark) - before).mean() < 0.03
    assert np.array_equal(on_canvas(light_on_dark), light_on_dark)
