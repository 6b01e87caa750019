"""Tests of the scenes: what makes an image one of its kind."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_training import scenes, stroke_templates
from digits_training.scenes import Scene

KINDS_OF_BYTES = [kind for kind in scenes.SCENE_KINDS if kind not in {"deep", "color", "alpha"}]


def draw(kind: str, count: int = 12) -> Iterator[Scene]:
    random = np.random.default_rng(3)
    for number in range(count):
        digit = 0 if kind == "slashed" else number % 10
        yield scenes.draw_scene(kind, stroke_templates.write_digit(digit, random), random)


def rims(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]


@pytest.mark.parametrize("kind", scenes.SCENE_KINDS)
def test_the_same_seed_draws_the_same_scene_and_the_same_file(kind: str) -> None:
    for first, second in zip(draw(kind, 4), draw(kind, 4), strict=True):
        assert (first.pixels == second.pixels).all()
        assert (first.clean == second.clean).all()
        files = [scenes.encode(each, np.random.default_rng(1)) for each in (first, second)]
        assert files[0] == files[1]


@pytest.mark.parametrize("kind", scenes.SCENE_KINDS)
def test_the_clean_ink_is_dark_on_white_and_away_from_the_edge(kind: str) -> None:
    for scene in draw(kind):
        assert scene.clean.dtype == np.uint8
        assert scene.clean.min() < 100
        assert all((rim == 255).all() for rim in rims(scene.clean))


@pytest.mark.parametrize("kind", KINDS_OF_BYTES)
def test_most_kinds_are_gray_bytes_with_ink(kind: str) -> None:
    for scene in draw(kind):
        assert scene.pixels.dtype == np.uint8
        assert scene.pixels.ndim == 2
        assert np.ptp(scene.pixels.astype(int)) >= 8


@pytest.mark.parametrize("kind", scenes.SCENE_KINDS)
def test_files_hold_the_pixels_of_the_scene(kind: str) -> None:
    for scene in draw(kind):
        with Image.open(io.BytesIO(scenes.encode(scene, np.random.default_rng(1)))) as image:
            assert image.size == scene.pixels.shape[1::-1]
            if image.format != "JPEG":
                assert (np.asarray(image) == scene.pixels).all()


def test_deep_images_use_a_part_of_sixteen_bits() -> None:
    for scene in draw("deep"):
        assert scene.pixels.dtype == np.uint16
        assert 255 < np.ptp(scene.pixels.astype(int)) < 40_000


def test_colors_differ_where_luminance_does_not() -> None:
    for scene in draw("color", 30):
        pixels = scene.pixels.reshape(-1, 3).astype(float)
        median = np.median(pixels, axis=0)
        far = pixels[np.abs(pixels - median).max(axis=1) > 60]
        assert len(far)
        assert abs((np.median(far, axis=0) - median) @ (0.299, 0.587, 0.114)) < 20


def test_images_with_alpha_are_transparent_in_part_and_opaque_in_part() -> None:
    for scene in draw("alpha", 30):
        assert scene.pixels.shape[2] == 4
        assert scene.pixels[..., 3].min() < 128
        assert scene.pixels[..., 3].max() > 200


def test_tight_images_end_within_two_pixels_of_the_ink() -> None:
    margins = []
    for scene in draw("tight", 40):
        rows, columns = np.nonzero(scene.clean < 230)
        box = (np.ptp(rows) + 1, np.ptp(columns) + 1)
        margins.append(max(np.subtract(scene.pixels.shape, box)))
    assert np.median(margins) <= 4


def test_a_border_differs_from_the_paper_along_two_sides_or_more() -> None:
    for scene in draw("border", 30):
        paper = np.median(scene.pixels)
        band = max(3, round(0.06 * min(scene.pixels.shape)))
        turned = [np.rot90(scene.pixels, number)[:band] for number in range(4)]
        farthest = [np.abs(np.median(side, axis=1) - paper).max() for side in turned]
        assert sum(distance > 8 for distance in farthest) >= 2


def test_small_digits_take_little_of_a_large_image() -> None:
    for scene in draw("small"):
        rows, columns = np.nonzero(scene.clean < 230)
        assert max(np.ptp(rows), np.ptp(columns)) <= 62
        assert max(scene.pixels.shape) >= 400


def test_faint_ink_differs_by_thirty_levels_at_most() -> None:
    for scene in draw("faint"):
        low, high = np.percentile(scene.pixels, (1, 99))
        assert high - low < 60


def test_thick_pens_leave_more_ink_than_usual_ones() -> None:
    usual, thick = (
        np.median([(scene.clean < 128).mean() for scene in draw(kind, 40)])
        for kind in ("plain", "thick")
    )
    assert thick > 1.3 * usual


def test_an_underline_is_in_the_image_and_not_in_the_clean_ink() -> None:
    random = np.random.default_rng(8)
    one = [np.array([[0.0, 0.0], [0.0, 100.0]])]
    for _ in range(12):
        scene = scenes.draw_scene("underlined", one, random)
        rows, columns = np.nonzero(scene.clean < 128)
        assert np.ptp(columns) < np.ptp(rows)


@pytest.mark.parametrize("kind", scenes.BLANK_KINDS)
def test_blank_images_can_be_drawn_of_each_kind(kind: str) -> None:
    random = np.random.default_rng(3)
    for _ in range(12):
        pixels = scenes.draw_blank(kind, random)
        assert min(pixels.shape[:2]) >= 16
        assert pixels.dtype in (np.uint8, np.uint16)
