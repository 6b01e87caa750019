import numpy as np
import pytest

from digits_server.preprocessing.stroke_width import (
    MAX_STROKE_PIXELS,
    MIN_STROKE_PIXELS,
    WORK_SCALE,
    WORK_SIDE,
    adjust_strokes,
)


def bar(height: int, width: int) -> np.typing.NDArray[np.float32]:
    return np.ones((height, width), np.float32)


def test_a_thin_stroke_grows_beyond_the_box_of_its_ink() -> None:
    height, width = adjust_strokes(bar(60, 1)).shape
    assert height > WORK_SIDE
    assert width >= MIN_STROKE_PIXELS * WORK_SCALE


def test_a_thick_stroke_becomes_thinner_at_all_sides() -> None:
    height, width = adjust_strokes(bar(60, 20)).shape
    assert height < WORK_SIDE
    assert width < 20 / 60 * WORK_SIDE


@pytest.mark.parametrize("width", [MIN_STROKE_PIXELS + 1, MAX_STROKE_PIXELS - 1])
def test_a_usual_stroke_only_changes_in_size(width: float) -> None:
    columns = round(width * WORK_SCALE)
    np.testing.assert_array_equal(adjust_strokes(bar(WORK_SIDE, columns)), bar(WORK_SIDE, columns))
