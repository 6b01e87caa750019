import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.ground import TwoLevels
from digits_server.preprocessing.sheets import find_sheets

Gray = NDArray[np.uint8]
DESK, PAPER, INK = 60, 230, 20


def sheets_in(gray: Gray) -> list[Gray]:
    two_levels = TwoLevels.measure(gray)
    sheets = find_sheets(gray, two_levels) if two_levels else []
    for sheet in sheets:
        height, width = sheet.gray.shape
        around = gray[sheet.top : sheet.top + height, sheet.left : sheet.left + width]
        # What the outline leaves out has the level of the sheet.
        assert ((sheet.gray == around) | (sheet.gray == np.median(sheet.gray))).all()
    return [sheet.gray for sheet in sheets]


def desk(height: int = 300, width: int = 400) -> Gray:
    return np.full((height, width), DESK, np.uint8)


def with_sheet(gray: Gray, corners: list[tuple[int, int]], level: int = PAPER) -> Gray:
    cv2.fillConvexPoly(gray, np.array(corners, np.int32), level)
    return gray


STRAIGHT = [(100, 50), (300, 50), (300, 250), (100, 250)]
TILTED = [(110, 40), (310, 70), (280, 260), (90, 230)]
AT_THE_EDGE = [(0, 0), (180, 0), (180, 299), (0, 299)]


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("corners", [STRAIGHT, TILTED, AT_THE_EDGE])
def test_a_sheet_is_an_image_of_its_own_without_the_desk(
    corners: list[tuple[int, int]], scale: int
) -> None:
    gray = with_sheet(desk(), corners)
    cv2.line(gray, (150, 100), (150, 180), INK, 10)
    gray = gray.repeat(scale, 0).repeat(scale, 1)
    sheet = sheets_in(gray)[0]
    assert sheet.min() == INK
    assert sheet.max() == PAPER
    # Neither the desk nor a rim of it is left.
    assert np.isin(sheet, (INK, PAPER)).all()
    _, _, width, height = cv2.boundingRect(np.array(corners, np.int32) * scale)
    assert 0.85 * height <= sheet.shape[0] <= height
    assert 0.85 * width <= sheet.shape[1] <= width


def test_a_dark_board_on_a_light_wall_is_a_sheet() -> None:
    gray = np.asarray(255 - with_sheet(desk(), TILTED), np.uint8)
    levels = [int(np.median(sheet)) for sheet in sheets_in(gray)]
    assert 255 - PAPER in levels


def test_the_largest_of_several_sheets_is_found() -> None:
    gray = with_sheet(desk(), [(10, 10), (80, 10), (80, 80), (10, 80)], PAPER - 10)
    with_sheet(gray, [(120, 50), (380, 50), (380, 280), (120, 280)])
    light = sheets_in(gray)[0]
    assert np.unique(light).tolist() == [PAPER]
    assert light.shape[0] > 200


def test_both_halves_of_an_image_may_be_sheets() -> None:
    gray = desk()
    gray[:, 200:] = PAPER
    sheets = sheets_in(gray)
    assert [np.unique(sheet).tolist() for sheet in sheets] == [[PAPER], [DESK]]


def uneven() -> Gray:
    """Return light that falls off from the left to the right."""
    return np.tile(np.linspace(80, 230, 400), (300, 1)).astype(np.uint8)


def with_grain() -> Gray:
    levels = np.random.default_rng(1).normal(128, 25, (300, 400))
    return np.clip(levels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gray", [desk(), uneven(), with_grain()], ids=["even", "slope", "grain"])
def test_one_ground_with_slope_or_grain_has_no_sheet(gray: Gray) -> None:
    assert sheets_in(gray) == []


def test_areas_that_are_small_or_full_of_holes_are_not_sheets() -> None:
    small = with_sheet(desk(), [(10, 10), (60, 10), (60, 60), (10, 60)])
    cross = desk()
    cross[140:160] = cross[:, 190:210] = PAPER
    assert PAPER not in [np.median(sheet) for sheet in sheets_in(small)]
    assert [np.unique(sheet).tolist() for sheet in sheets_in(cross)] == [[DESK]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (5, 40), (14, 14)])
def test_images_that_are_too_small_for_a_sheet_have_none(shape: tuple[int, int]) -> None:
    gray = np.full(shape, DESK, np.uint8)
    gray[: shape[0] // 2 + 1, : shape[1] // 2 + 1] = PAPER
    assert all(min(sheet.shape) >= 12 for sheet in sheets_in(gray))


def test_the_image_stays_as_it_is() -> None:
    gray = with_sheet(desk(), TILTED)
    before = gray.copy()
    sheets_in(gray)
    np.testing.assert_array_equal(gray, before)
