import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.frames import to_frame
from digits_server.preprocessing.normalize import normalize, normalize_batch

Gray = NDArray[np.uint8]


def ring(side: int = 200, *, x: int = 100, y: int = 100, radius: int = 50, pen: int = 14) -> Gray:
    """Draw a dark ring on a white square."""
    rows, columns = np.mgrid[0:side, 0:side]
    distance = np.abs(np.hypot(columns - x, rows - y) - radius)
    return np.where(distance <= pen / 2, 0, 255).astype(np.uint8)


def center_of_mass(frame: NDArray[np.float32]) -> tuple[float, float]:
    rows, columns = np.mgrid[0:28, 0:28] + 0.5
    return float((frame * columns).sum() / frame.sum()), float((frame * rows).sum() / frame.sum())


def test_a_frame_is_28_by_28_floats_from_0_to_1_with_ink_at_1() -> None:
    frame = normalize(ring())
    assert frame.shape == (28, 28)
    assert frame.dtype == np.float32
    assert frame.min() == 0
    assert 0.9 <= frame.max() <= 1


def test_dark_on_light_and_light_on_dark_give_the_same_frame() -> None:
    np.testing.assert_allclose(normalize(ring()), normalize(255 - ring()), atol=0.02)


def test_pale_ink_on_gray_paper_gives_nearly_the_frame_of_black_on_white() -> None:
    pale = (ring().astype(np.float32) * 0.3 + 120).astype(np.uint8)
    np.testing.assert_allclose(normalize(pale), normalize(ring()), atol=0.1)


@pytest.mark.parametrize(("x", "y"), [(60, 60), (140, 60), (100, 140), (58, 141)])
def test_a_digit_is_centered_wherever_it_is(x: int, y: int) -> None:
    frame = normalize(ring(x=x, y=y))
    assert center_of_mass(frame) == pytest.approx((14, 14), abs=0.6)
    np.testing.assert_allclose(frame, normalize(ring()), atol=0.25)


@pytest.mark.parametrize("radius", [12, 30, 85])
def test_ink_of_any_size_is_scaled_to_the_box_of_20_pixels(radius: int) -> None:
    frame = normalize(ring(radius=radius, pen=max(2, radius // 4)))
    rows = np.flatnonzero(frame.max(axis=1) > 0.1)
    assert 19 <= rows[-1] - rows[0] + 1 <= 20


def test_proportions_are_kept() -> None:
    bar = np.full((200, 200), 255, np.uint8)
    bar[40:160, 90:110] = 0
    frame = normalize(bar)
    columns = np.flatnonzero(frame.max(axis=0) > 0.1)
    assert 3 <= len(columns) <= 5


def test_an_image_that_already_follows_the_recipe_stays_unchanged() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 10:18] = 200
    image[8:20, 12:16] = 37
    np.testing.assert_array_equal(normalize(image), image.astype(np.float32) / 255)


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (28, 28), (300, 200)])
def test_an_image_of_one_level_is_blank(level: int, shape: tuple[int, int]) -> None:
    assert not normalize(np.full(shape, level, np.uint8)).any()


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (2, 2), (3, 400), (400, 3), (28, 28)])
def test_noise_of_any_shape_gives_a_frame(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        frame = normalize(rng.integers(0, 256, shape, dtype=np.uint8))
        assert frame.shape == (28, 28)
        assert np.isfinite(frame).all()
        assert frame.min() >= 0
        assert frame.max() <= 1


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_very_narrow_stroke_is_centered(width: int) -> None:
    image = np.full((300, 300), 255, np.uint8)
    image[20:280, 150 : 150 + width] = 0
    frame = normalize(image)
    assert frame.any()
    assert center_of_mass(frame) == pytest.approx((14, 14), abs=0.6)


def test_a_read_only_image_is_accepted() -> None:
    image = ring()
    image.flags.writeable = False
    assert normalize(image).any()


def test_a_batch_gives_the_same_frames_as_single_images() -> None:
    small = np.zeros((28, 28), np.uint8)
    small[4:24, 12:16] = 200  # already a frame
    off_center = np.roll(small, 5, axis=1)
    all_kinds = [ring(), small, off_center, np.zeros((28, 28), np.uint8), ring(60, radius=20)]
    for grays in (all_kinds, [small], [small, small[:, ::-1]], [ring()], [small, off_center]):
        frames = normalize_batch(grays)
        assert frames.dtype == np.float32
        np.testing.assert_array_equal(frames, np.stack([normalize(gray) for gray in grays]))


@pytest.mark.parametrize("side", [20, 28, 60])
def test_a_batch_can_be_one_array(side: int) -> None:
    rng = np.random.default_rng(side)
    images = [
        ring(side, x=int(x), y=int(y), radius=9, pen=3) for x, y in rng.integers(8, 16, (9, 2))
    ]
    grays = np.stack([*images, np.zeros((side, side), np.uint8)])
    frames = normalize_batch(grays)
    np.testing.assert_array_equal(frames, np.stack([normalize(gray) for gray in grays]))
    grays.flags.writeable = False
    np.testing.assert_array_equal(normalize_batch(grays[::-2]), frames[::-2])


def test_ink_that_is_faint_everywhere_gives_a_frame() -> None:
    ink = np.zeros((60, 60), np.float32)
    ink[20:40, 25:30] = 0.2  # such as remains when ruled lines are removed
    frame = to_frame(ink)
    assert np.isfinite(frame).all()
    assert frame.max() == 1
