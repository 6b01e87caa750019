import numpy as np
import pytest

from digits_server.preprocessing.contrast import (
    histogram,
    measure_contrast,
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


@pytest.mark.parametrize("ground", [0, 1, 90, 254, 255])
def test_contrast_without_grain_is_the_distance_to_the_ground_in_either_direction(
    ground: int,
) -> None:
    rng = np.random.default_rng(ground)
    for lowest, highest in ((0, ground), (ground, 255)):
        page = np.full((70, 90), ground, np.uint8)
        page[20:50, 30:40] = rng.integers(lowest, highest + 1, (30, 10))
        contrast = measure_contrast(page)
        assert contrast.grain == 0
        expected = np.abs(page.astype(int) - ground)
        np.testing.assert_array_equal(contrast.uncrop(contrast.pixels), expected)


@pytest.mark.parametrize("ink_is_light", [False, True])
def test_grain_is_measured_on_the_side_without_ink(ink_is_light: bool) -> None:
    rng = np.random.default_rng(4)
    page = np.full((100, 100), 120, np.int64)
    page[10:90, 10:90] += np.rint(rng.normal(0, 5, (80, 80))).astype(np.int64)
    page[30:70, 40:50] = 20
    if ink_is_light:
        page = 240 - page
    contrast = measure_contrast(page.astype(np.uint8))
    assert 2 <= contrast.grain <= 6
    expected = np.maximum(0, page - 120 if ink_is_light else 120 - page)
    np.testing.assert_array_equal(contrast.uncrop(contrast.pixels), expected)


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
