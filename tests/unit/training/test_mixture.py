"""The training mixture, the held-out examples, and the images that both are made from."""

from pathlib import Path

import numpy as np
import pytest

from digits_training import canvases, omniglot, pendigits, scribbles, stroke_templates
from digits_training import mixture as module
from digits_training.datasets import DatasetError, Mnist
from digits_training.drawn_examples import from_recordings
from digits_training.mixture import build_mixture
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT, Part


def test_writers_and_alphabets_are_held_out_completely(data_dir: Path) -> None:
    assert not pendigits.VALIDATION_WRITERS & pendigits.TEST_WRITERS
    writers: dict[Part | None, set[int]] = {
        None: {1, 2, 3, 5},
        "training": {1, 2},
        "validation": {3},
        "test": {5},
    }
    for part, numbers in writers.items():
        recordings = pendigits.load_pendigits(data_dir, part)
        assert {each.writer for each in recordings} == {f"pen-train-{n}" for n in numbers}
    assert set(omniglot.load_omniglot(data_dir).training().alphabets) == {"Sanskrit"}


@pytest.mark.usefixtures("small_mixture")
def test_a_mixture_has_all_components_and_the_examples_held_out_of_them(
    sample_mnist: Mnist, data_dir: Path
) -> None:
    mixture = build_mixture(sample_mnist, data_dir, 150, 1)
    # Without the components from UNIPEN, which is not there.
    images, redrawn, strokes, templates, scenes, *others = (
        component.examples for component in mixture.components
    )
    no_writing, blanks, *signs = others
    assert len(images.labels) == len(redrawn.labels) == 300
    assert len(strokes.labels) == 2 * 20 * module.AMOUNTS.stroke_copies  # by writers 1 and 2
    assert np.bincount(templates.labels).tolist() == [2] * 10
    assert set(scenes.labels.tolist()) == set(range(10))
    assert set(no_writing.labels.tolist()) == set(blanks.labels.tolist()) == {NO_WRITING}
    assert len(signs) == 4  # letters, scribbles, joined digits, fragments
    for each in signs:
        assert set(each.labels.tolist()) == {NOT_A_DIGIT}
    assert sum(component.share for component in mixture.components) == pytest.approx(1)
    held_out = mixture.held_out
    assert len(held_out.mnist.labels) == 150
    assert len(held_out.strokes.labels) == 20  # by writer 3
    assert len(held_out.scenes.with_labels(*range(10)).labels) >= 10
    assert set(held_out.letters.labels.tolist()) == {NOT_A_DIGIT}
    assert len(held_out.all().labels) == 150 + 20 + sum(
        len(each.labels) for each in (held_out.scenes, held_out.letters)
    )


@pytest.mark.usefixtures("small_mixture")
def test_a_mixture_does_without_missing_strokes_and_letters(
    sample_mnist: Mnist, tmp_path: Path
) -> None:
    mixture = build_mixture(sample_mnist, tmp_path, 150, 1)
    assert len(mixture.components) == 5  # images, redrawn ones, templates, blanks, scribbles
    held_out = mixture.held_out
    assert len(held_out.all().labels) == len(held_out.mnist.labels) == 150


@pytest.mark.usefixtures("small_mixture")
def test_a_smaller_share_draws_fewer_images_of_every_component_but_mnist(
    sample_mnist: Mnist, data_dir: Path
) -> None:
    usual, quarter = (
        [len(each.examples.labels) for each in build.components]
        for build in (
            build_mixture(sample_mnist, data_dir, 150, 1, drawn_share=share) for share in (1, 0.25)
        )
    )
    images, *drawn = zip(usual, quarter, strict=True)
    assert images == (300, 300)
    scribbles_of_both = (20, 5)
    assert scribbles_of_both in drawn
    assert all(0 < few <= many for many, few in drawn)
    assert sum(quarter) < sum(usual)


def test_equal_seeds_draw_equal_frames(data_dir: Path) -> None:
    recordings = pendigits.load_pendigits(data_dir)[:20]
    first, again, other = (from_recordings(recordings, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)


def test_letters_that_look_like_digits_are_skipped(tmp_path: Path) -> None:
    names = np.array(["Latin/character12", "Latin/character13"])  # an l and an m
    np.savez(tmp_path / "omniglot_small.npz", x=np.zeros((2, 56, 56), np.uint8), y=names)
    assert len(omniglot.load_omniglot(tmp_path).images) == 1


@pytest.mark.parametrize("load", [pendigits.load_pendigits, omniglot.load_omniglot])
@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_a_missing_or_broken_data_set_is_an_error(
    load: object, content: bytes | None, tmp_path: Path
) -> None:
    for name in (pendigits.PENDIGITS_FILE, omniglot.OMNIGLOT_FILE):
        if content is not None:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read as"):
        load(tmp_path)  # type: ignore[operator]  # both take a folder


def test_a_canvas_shows_the_whole_digit_in_dark_ink() -> None:
    stroke = np.array([[0, 0], [100, 0], [40, 100]], np.float32)
    random = np.random.default_rng(5)
    for _ in range(50):
        canvas = canvases.draw_strokes([stroke], random)
        assert canvas.max() == 255
        assert canvas.min() == 0
        rows, columns = np.nonzero(canvas == 0)
        assert min(np.ptp(rows), np.ptp(columns)) >= 0.15 * len(canvas)


def test_a_simulated_photo_keeps_the_shape_and_changes_the_levels() -> None:
    canvas = np.full((60, 60), 255, np.uint8)
    canvas[20:40, 28:32] = 0
    photos = [canvases.simulate_photo(canvas, np.random.default_rng(seed)) for seed in range(20)]
    assert {photo.shape for photo in photos} == {(60, 60)}
    assert any(photo[0, 0] > 150 for photo in photos)
    assert any(photo[0, 0] < 100 for photo in photos)  # inverted


def test_scribbles_have_different_numbers_of_strokes() -> None:
    random = np.random.default_rng(3)
    shapes = [scribbles.scribble(random) for _ in range(60)]
    assert {len(strokes) for strokes in shapes} >= {1, 2, 3}
    for strokes in shapes:
        for stroke in strokes:
            assert stroke.ndim == 2
            assert stroke.shape[1] == 2
            assert np.isfinite(stroke).all()


@pytest.mark.parametrize("digit", range(10))
def test_digits_from_templates_are_all_different_and_of_similar_height(digit: int) -> None:
    random = np.random.default_rng(3)
    digits = [np.concatenate(stroke_templates.write_digit(digit, random)) for _ in range(60)]
    for points in digits:
        assert points.ndim == 2
        assert points.shape[1] == 2
        assert 80 < np.ptp(points[:, 1]) < 130
    assert len({points.tobytes() for points in digits}) == 60
    assert len({len(points) for points in digits}) > 1  # from more than one template
