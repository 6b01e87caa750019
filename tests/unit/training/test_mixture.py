"""What is learned from, and what is kept out of it."""

from pathlib import Path

import numpy as np
import pytest

from digits_training import canvases, examples, omniglot, pendigits, scribbles, stroke_templates
from digits_training import mixture as subject
from digits_training.datasets import DatasetError, Mnist
from digits_training.examples import NOT_A_DIGIT
from digits_training.mixture import curriculum


def test_writers_and_alphabets_are_kept_out_whole(data_dir: Path) -> None:
    recordings = pendigits.load_pendigits(data_dir)
    kept_out = pendigits.VALIDATION_WRITERS | pendigits.TEST_WRITERS
    assert not pendigits.VALIDATION_WRITERS & pendigits.TEST_WRITERS
    assert {recording.writer for recording in recordings} == {1, 2, 3, 5}
    held_out = pendigits.of_writers(recordings, kept_out)
    assert {recording.writer for recording in held_out} == {3, 5}
    assert set(omniglot.load_omniglot(data_dir).to_learn().alphabets) == {"Sanskrit"}


def test_a_curriculum_holds_out_what_it_does_not_teach(
    drawings: Mnist, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SCRIBBLE_COUNT", 20)
    monkeypatch.setattr(subject, "HABIT_COUNT", 30)
    made = curriculum(drawings, data_dir, 150, 1)
    images, redrawn, strokes, habits, others = (kind.examples for kind in made.kinds)
    assert len(images.labels) == len(redrawn.labels) == 300
    assert len(strokes.labels) == 2 * 20 * subject.STROKE_COPIES  # of writers 1 and 2
    assert np.bincount(habits.labels).tolist() == [3] * 10
    assert set(others.labels.tolist()) == {NOT_A_DIGIT}
    assert sum(kind.share for kind in made.kinds) == pytest.approx(1)
    assert len(made.held_out.mnist.labels) == 150
    assert len(made.held_out.strokes.labels) == 20  # of writer 3
    assert set(made.held_out.letters.labels.tolist()) == {NOT_A_DIGIT}
    assert len(made.held_out.all().labels) == 150 + 20 + len(made.held_out.letters.labels)


def test_the_same_seed_draws_the_same(data_dir: Path) -> None:
    recordings = pendigits.load_pendigits(data_dir)[:20]
    first, again, other = (examples.of_recordings(recordings, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert not np.array_equal(first.frames, other.frames)


def test_letters_that_are_digits_to_the_eye_are_left_out(tmp_path: Path) -> None:
    names = np.array(["Latin/character12", "Latin/character13"])  # an l and an m
    np.savez(tmp_path / "omniglot_small.npz", x=np.zeros((2, 56, 56), np.uint8), y=names)
    assert len(omniglot.load_omniglot(tmp_path).images) == 1


@pytest.mark.parametrize("load", [pendigits.load_pendigits, omniglot.load_omniglot])
@pytest.mark.parametrize("content", [None, b"", b"not what it should be"])
def test_a_set_that_is_missing_or_broken_is_named(
    load: object, content: bytes | None, tmp_path: Path
) -> None:
    for name in (pendigits.PENDIGITS_FILE, omniglot.OMNIGLOT_FILE):
        if content is not None:
            (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read as"):
        load(tmp_path)  # type: ignore[operator]  # either takes a folder


def test_a_canvas_shows_the_whole_digit_in_dark_ink() -> None:
    stroke = np.array([[0, 0], [100, 0], [40, 100]], np.float32)
    random = np.random.default_rng(5)
    for _ in range(50):
        canvas = canvases.canvas_of_strokes([stroke], random)
        assert canvas.max() == 255
        assert canvas.min() == 0
        rows, columns = np.nonzero(canvas == 0)
        assert min(np.ptp(rows), np.ptp(columns)) >= 0.15 * len(canvas)


def test_paper_keeps_the_shape_and_spoils_the_levels() -> None:
    canvas = np.full((60, 60), 255, np.uint8)
    canvas[20:40, 28:32] = 0
    papers = [canvases.on_paper(canvas, np.random.default_rng(seed)) for seed in range(20)]
    assert {paper.shape for paper in papers} == {(60, 60)}
    assert any(paper[0, 0] > 150 for paper in papers)
    assert any(paper[0, 0] < 100 for paper in papers)  # inverted


def test_scribbles_are_strokes_of_many_kinds() -> None:
    random = np.random.default_rng(3)
    made = [scribbles.scribble(random) for _ in range(60)]
    assert {len(strokes) for strokes in made} >= {1, 2, 3}
    for strokes in made:
        for stroke in strokes:
            assert stroke.ndim == 2
            assert stroke.shape[1] == 2
            assert np.isfinite(stroke).all()


@pytest.mark.parametrize("digit", range(10))
def test_a_habit_is_a_digit_of_some_height_and_never_twice_the_same(digit: int) -> None:
    random = np.random.default_rng(3)
    made = [np.concatenate(stroke_templates.habit(digit, random)) for _ in range(60)]
    for points in made:
        assert points.ndim == 2
        assert points.shape[1] == 2
        assert 80 < np.ptp(points[:, 1]) < 130
    assert len({points.tobytes() for points in made}) == 60
    assert len({len(points) for points in made}) > 1  # in more than one way
