import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.ground import (
    Contrast,
    TwoLevels,
    even_contrast,
    histogram,
    local_contrasts,
    quantile,
    top_and_median,
)


def test_a_quantile_is_the_lowest_level_that_the_share_of_the_pixels_do_not_exceed() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        levels = rng.integers(0, rng.integers(1, 256), (13, 7), dtype=np.uint8)
        for share in (0.16, 0.5, 0.84):
            expected = np.quantile(levels, share, method="inverted_cdf")
            assert quantile(histogram(levels), share) == expected


def assert_contrast(contrast: Contrast, expected: NDArray[np.int64]) -> None:
    """Assert that an image has the expected contrast, of which a region is stored."""
    height, width = contrast.pixels.shape
    assert contrast.shape == expected.shape
    image = np.zeros_like(expected)
    image[contrast.top :, contrast.left :][:height, :width] = contrast.pixels
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("ground", [0, 1, 90, 254, 255])
def test_contrast_without_grain_is_the_distance_to_the_ground_in_either_direction(
    ground: int,
) -> None:
    rng = np.random.default_rng(ground)
    for lowest, highest in ((0, ground), (ground, 255)):
        page = np.full((70, 90), ground, np.uint8)
        page[20:50, 30:40] = rng.integers(lowest, highest + 1, (30, 10))
        contrast = even_contrast(page)
        assert contrast is not None
        assert contrast.grain == 0
        expected = np.abs(page.astype(int) - ground)
        assert_contrast(contrast, expected)


@pytest.mark.parametrize("ink_is_light", [False, True])
def test_grain_is_measured_on_the_side_without_ink(ink_is_light: bool) -> None:
    rng = np.random.default_rng(4)
    page = np.full((100, 100), 120, np.int64)
    page[10:90, 10:90] += np.rint(rng.normal(0, 5, (80, 80))).astype(np.int64)
    page[30:70, 40:50] = 20
    if ink_is_light:
        page = 240 - page
    contrast = even_contrast(page.astype(np.uint8))
    assert contrast is not None
    assert contrast.is_light == ink_is_light
    assert 2 <= contrast.grain <= 6
    expected = np.maximum(0, page - 120 if ink_is_light else 120 - page)
    assert_contrast(contrast, expected)


def test_levels_of_a_region_are_those_of_the_whole_image() -> None:
    rng = np.random.default_rng(5)
    for _ in range(500):
        image = np.zeros((40, 30), np.uint8)
        height, width = rng.integers(1, 30, 2)
        region = image[5 : 5 + height, :width]
        region[...] = rng.choice(rng.integers(0, 256, rng.integers(1, 5)), region.shape)
        region[rng.random(region.shape) < rng.choice([0, 0.2, 0.8])] = 0
        top_count = int(rng.integers(1, 40))
        counts = histogram(image)
        expected = quantile(counts, 1 - top_count / image.size), quantile(counts, 0.5)
        assert top_and_median(region, image.size, top_count) == expected


def test_a_ground_whose_edge_differs_is_not_even() -> None:
    page = np.full((100, 100), 200, np.uint8)
    page[:, -1] = 0
    assert even_contrast(page) is None


@pytest.mark.parametrize("paper", [100, 130])
def test_what_lies_on_both_sides_of_the_ground_is_more_than_ink(paper: int) -> None:
    page = np.full((100, 100), 100, np.uint8)
    page[5:-5, 5:-5] = paper
    page[20:80, 46:54] = 0
    contrast = even_contrast(page)
    assert contrast is not None
    assert not contrast.is_light
    assert contrast.has_large_areas() == (paper != 100)


def dark_contrast(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    dark, _ = local_contrasts(gray, TwoLevels.measure(gray))
    return np.asarray(dark.pixels, np.uint8)


def test_half_the_light_gives_dark_ink_the_same_local_contrast() -> None:
    page = np.full((120, 200), 240, np.uint8)
    page[50:60, 20:180] = 40
    page[:, 100:] //= 2
    contrast = dark_contrast(page)
    ink = contrast[52:58]
    assert abs(int(np.median(ink[:, 30:90])) - int(np.median(ink[:, 110:170]))) <= 3
    assert int(contrast[:40].max()) <= 3


def test_a_large_dark_area_has_no_local_contrast() -> None:
    page = np.full((150, 150), 40, np.uint8)
    page[:, 60:] = 220
    assert int(dark_contrast(page)[20:130, 5:50].max()) <= 3


def test_an_even_slope_of_light_has_no_local_contrast() -> None:
    slope = np.linspace(-40, 40, 200)
    page = np.rint(150 + slope + slope[:, np.newaxis]).astype(np.uint8)
    assert int(dark_contrast(page).max()) <= 3


def test_two_levels_are_told_from_grain_and_from_a_slope() -> None:
    rng = np.random.default_rng(6)
    two = np.where(np.arange(4096) < 2000, 60, 200) + rng.normal(0, 8, 4096)
    grain, slope = rng.normal(128, 20, 4096), np.linspace(60, 200, 4096)
    of_two, *others = (
        TwoLevels.measure(levels.astype(np.uint8).reshape(64, 64)) for levels in (two, grain, slope)
    )
    assert of_two is not None
    assert of_two.dark == pytest.approx(60, abs=1)
    assert of_two.light == pytest.approx(200, abs=1)
    assert others == [None, None]


def test_light_ink_has_the_contrast_of_dark_ink_in_the_inverted_image() -> None:
    rng = np.random.default_rng(8)
    page = rng.normal(180, 6, (150, 170))
    page[40:60, 30:140] -= 90
    gray = np.clip(page, 0, 255).astype(np.uint8)
    for two_levels in (None, TwoLevels(100, 60, 200)):
        dark, _ = local_contrasts(gray, two_levels)
        _, light = local_contrasts(255 - gray, two_levels)
        difference = dark.pixels.astype(int) - light.pixels
        assert np.abs(difference).max() <= 2  # of rounding
