"""Disturbed images, and what is counted on them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_training import robustness
from digits_training.calibration import Calibration
from digits_training.datasets import Mnist
from digits_training.robustness import DISTURBANCES, Disturbance, Row, on_canvas

EVERY_DISTURBANCE = pytest.mark.parametrize("disturbance", DISTURBANCES, ids=lambda d: d.name)
EXACT_DISTURBANCE = pytest.mark.parametrize(
    "disturbance", [d for d in DISTURBANCES if d.name != "noise"], ids=lambda d: d.name
)
Gray = NDArray[np.uint8]


@pytest.fixture
def light_on_dark(drawings: Mnist) -> Gray:
    """(300, 300): a digit, its ink 255 on 0."""
    return on_canvas(drawings.x_test[22])


@pytest.fixture(params=["light on dark", "dark on light"])
def canvas(request: pytest.FixtureRequest, light_on_dark: Gray) -> Gray:
    return light_on_dark if request.param == "light on dark" else 255 - light_on_dark


def disturbed(disturbance: Disturbance, canvas: Gray, strength: int) -> Gray:
    return disturbance.disturb(canvas, strength, np.random.default_rng(7))


def change(disturbance: Disturbance, canvas: Gray, strength: int) -> float:
    after = disturbed(disturbance, canvas, strength)
    return float(np.abs(after.astype(float) - canvas).mean())


@EVERY_DISTURBANCE
def test_the_strongest_disturbs_more_than_the_weakest(
    disturbance: Disturbance, canvas: Gray
) -> None:
    assert 0 < change(disturbance, canvas, 0) < change(disturbance, canvas, 4)


@pytest.mark.parametrize(
    "disturbance",
    [d for d in DISTURBANCES if d.name not in {"shift", "scale", "thickness"}],
    ids=lambda d: d.name,
)
def test_every_strength_disturbs_more_than_the_one_before(
    disturbance: Disturbance, canvas: Gray
) -> None:
    # Not so what goes both ways, nor ink that has left its place altogether.
    changes = [change(disturbance, canvas, strength) for strength in range(5)]
    assert changes == sorted(changes)


@EVERY_DISTURBANCE
@pytest.mark.parametrize("strength", range(5))
def test_an_image_keeps_its_shape_its_type_and_its_polarity(
    disturbance: Disturbance, strength: int, canvas: Gray
) -> None:
    before = canvas.copy()
    after = disturbed(disturbance, canvas[:, 20:], strength)
    assert after.shape == (300, 280)
    assert after.dtype == np.uint8
    ground = np.median(canvas)
    # Noise is as much on the ground as on the ink, and so leaves their difference alone.
    assert (after.mean() > ground) == (canvas.mean() > ground)
    assert abs(np.median(after[:5].astype(float)) - ground) < 60
    assert np.array_equal(canvas, before)


@EVERY_DISTURBANCE
def test_equal_random_numbers_disturb_alike(disturbance: Disturbance, canvas: Gray) -> None:
    assert np.array_equal(disturbed(disturbance, canvas, 3), disturbed(disturbance, canvas, 3))


@EXACT_DISTURBANCE
def test_light_ink_is_disturbed_as_dark_ink_is(
    disturbance: Disturbance, light_on_dark: Gray
) -> None:
    light = disturbed(disturbance, light_on_dark, 4).astype(int)
    dark = disturbed(disturbance, 255 - light_on_dark, 4).astype(int)
    assert np.abs(light - (255 - dark)).max() <= 1


@EXACT_DISTURBANCE
@pytest.mark.parametrize("strength", [0, 4])
def test_what_is_blank_stays_blank(disturbance: Disturbance, strength: int) -> None:
    blank = np.full((300, 300), 255, np.uint8)
    assert np.array_equal(disturbed(disturbance, blank, strength), blank)


def test_a_shift_is_in_pixels_of_a_canvas_of_300() -> None:
    shift = DISTURBANCES[0]
    for side in (300, 600):
        spot = np.zeros((side, side), np.uint8)
        middle = side // 2
        spot[middle - 4 : middle + 4, middle - 4 : middle + 4] = 255
        rows, columns = np.nonzero(disturbed(shift, spot, 2))
        distance = np.hypot(rows.mean() - middle + 0.5, columns.mean() - middle + 0.5)
        assert distance == pytest.approx(40 * side / 300, abs=1)


def test_a_negative_change_of_the_pen_makes_strokes_thinner(canvas: Gray) -> None:
    thickness = next(d for d in DISTURBANCES if d.name == "thickness")
    ground = int(np.median(canvas))
    ink = [
        np.count_nonzero(np.abs(disturbed(thickness, canvas, strength).astype(int) - ground) > 127)
        for strength in range(5)
    ]
    assert ink == sorted(set(ink))
    assert thickness.strengths[1] < 0 < thickness.strengths[2]


@pytest.mark.parametrize("shape", [(28, 28), (56, 40), (300, 300), (900, 450), (1, 7)])
@pytest.mark.parametrize("ground", [0, 255])
def test_an_image_of_any_size_comes_onto_a_canvas_of_its_own_ground(
    shape: tuple[int, int], ground: int
) -> None:
    canvas = on_canvas(np.full(shape, ground, np.uint8))
    assert canvas.shape == (300, 300)
    assert (canvas == ground).all()


def test_a_digit_on_a_canvas_is_the_digit_it_was(light_on_dark: Gray, drawings: Mnist) -> None:
    before = drawings.x_test[22].astype(np.float32) / 255
    assert np.abs(normalize(light_on_dark) - before).mean() < 0.03
    assert np.array_equal(on_canvas(light_on_dark), light_on_dark)


def at_top_left(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Answer 0 or 1, surely, to any ink, and nothing sure to a blank."""
    probs = np.full((len(frames), 10), 0.04, np.float32)
    digit = (frames[:, :14].sum(axis=(1, 2)) > frames[:, 14:].sum(axis=(1, 2))).astype(int)
    probs[np.arange(len(frames)), digit] = 0.64
    return probs


def test_rows_are_counted_for_no_disturbance_and_for_each_in_every_strength(
    drawings: Mnist,
) -> None:
    images = list(drawings.x_test[:4])
    labels = at_top_left(np.stack([normalize(on_canvas(image)) for image in images]))
    truth = labels.argmax(axis=1).astype(np.uint8)
    rows = robustness.robustness(images, truth, at_top_left, Calibration(), seed=3)
    assert rows[0] == Row("none", "", 0.0, 1.0, 1.0)
    assert [(row.disturbance, row.strength) for row in rows[1:]] == [
        (disturbance.name, strength)
        for disturbance in DISTURBANCES
        for strength in disturbance.strengths
    ]
    assert all(row.right <= row.likeliest_right for row in rows)
    assert rows == robustness.robustness(images, truth, at_top_left, Calibration(), seed=3)


def test_a_rejected_digit_is_right_only_whatever_the_verdict(drawings: Mnist) -> None:
    truth = np.array([0, 1], np.uint8)

    def ask(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.eye(10, dtype=np.float32)[:2] * 0.3 + 0.07

    rows = robustness.robustness(list(drawings.x_test[:2]), truth, ask, Calibration())
    assert rows[0].likeliest_right == 1
    assert rows[0].right == 0


def test_a_blank_has_no_likeliest_digit() -> None:
    blank = np.full((300, 300), 255, np.uint8)
    label = at_top_left(np.zeros((1, 28, 28), np.float32)).argmax(axis=1).astype(np.uint8)
    rows = robustness.robustness([blank], label, at_top_left, Calibration())
    assert rows[0].likeliest_right == rows[0].right == 0


def test_the_table_has_a_line_for_each_row() -> None:
    rows = [Row("none", "", 0.0, 1.0, 1.0), Row("shift", "px", 10.0, 0.5, 0.25)]
    lines = robustness.table(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[2] == ["none", "0", "100.0%", "100.0%"]
    assert cells[3] == ["shift", "10 px", "50.0%", "25.0%"]
    assert len({len(line) for line in lines}) == 1
