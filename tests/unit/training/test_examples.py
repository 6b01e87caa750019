"""The frames that the networks learn from, by what they show."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_server.preprocessing.search import find_readings
from digits_training import canvases, fragments, frame_jobs, pendigits, scene_examples
from digits_training.drawn_examples import from_recordings
from digits_training.examples import Examples, concatenate, from_images
from digits_training.frame_similarity import MAX_DIFFERENT, MIN_SAME, similarity
from digits_training.non_digit_examples import from_fragments, from_joined, from_scribbles
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT, Recording
from digits_training.scene_examples import from_blanks, from_scenes
from digits_training.scenes import BLANK_KINDS, SCENE_KINDS


@pytest.fixture(scope="module")
def recordings(data_dir: Path) -> list[Recording]:
    """Each digit twice, by one writer."""
    return pendigits.load_pendigits(data_dir)[:20]


@pytest.fixture(scope="module")
def ideals(recordings: list[Recording]) -> dict[int, NDArray[np.float32]]:
    """The frame of each digit as it is written on a plain canvas."""
    random = np.random.default_rng(1)
    return {
        each.label: normalize(canvases.draw_strokes_as_written(each.strokes, random))
        for each in recordings
    }


def assert_are_equal(first: Examples, second: Examples) -> None:
    np.testing.assert_array_equal(first.frames, second.frames)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_readings_of_the_digit_have_its_label_and_other_readings_are_no_writing(
    recordings: list[Recording], ideals: dict[int, NDArray[np.float32]]
) -> None:
    scenes = from_scenes(recordings, ["plain", "desk", "letterbox"], 1, copies=3)
    assert scenes.frames.shape == (len(scenes.labels), 28, 28)
    assert set(scenes.labels.tolist()) == {*range(10), NO_WRITING}
    digits = scenes.with_labels(*range(1, 10))  # zeros may have a slash
    others = scenes.with_labels(NO_WRITING)
    # At least one of the three scenes of each digit can be read.
    assert len(digits.labels) >= 18
    assert len(others.labels) >= 18
    likeness = [
        similarity(ideals[label], frame / np.float32(255))
        for frame, label in zip(digits.frames, digits.labels.tolist(), strict=True)
    ]
    unlikeness = [
        max(similarity(ideal, frame / np.float32(255)) for ideal in ideals.values())
        for frame in others.frames
    ]
    assert np.median(likeness) > 0.8 > np.median(unlikeness)


def test_a_reading_is_dropped_unless_it_is_clear_what_it_shows(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_examples, "MIN_SAME", 1.1)
    monkeypatch.setattr(scene_examples, "MAX_DIFFERENT", -1.0)
    assert len(from_scenes(recordings, ["plain", "desk"], 1).labels) == 0


def test_half_of_the_zeros_are_slashed_and_no_other_digit(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[int, str]] = []

    def note_kind(item: tuple[Recording, str], random: np.random.Generator) -> Examples:
        drawn.append((item[0].label, item[1]))
        return Examples(np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8))

    monkeypatch.setattr(scene_examples, "_read_scene", note_kind)
    from_scenes(recordings, SCENE_KINDS, 1, copies=25)
    zeros = [kind for label, kind in drawn if label == 0]
    others = [kind for label, kind in drawn if label != 0]
    assert 15 < zeros.count("slashed") < 35
    assert set(others) == set(SCENE_KINDS) - {"slashed"}


def test_a_line_that_touches_a_digit_belongs_to_its_usual_reading(
    recordings: list[Recording],
) -> None:
    underlined = from_scenes(recordings, ["underlined"], 1, copies=2)
    # The usual reading of each scene has the digit's label, with or without the line.
    assert (underlined.labels != NO_WRITING).sum() >= 40


def test_blank_images_have_no_writing_in_any_reading() -> None:
    blanks = from_blanks(3 * len(BLANK_KINDS), 1)
    assert len(blanks.labels) > len(BLANK_KINDS)
    assert set(blanks.labels.tolist()) == {NO_WRITING}
    assert blanks.frames.any(axis=(1, 2)).all()


def test_joined_digits_are_not_a_digit(recordings: list[Recording]) -> None:
    joined = from_joined(recordings, 40, 1)
    assert joined.labels.tolist() == [NOT_A_DIGIT] * 40
    columns = [np.ptp(np.flatnonzero(frame.max(axis=0) > 50)) for frame in joined.frames]
    alone = [
        np.ptp(np.flatnonzero(frame.max(axis=0) > 50))
        for frame in from_recordings(recordings, 1).frames
    ]
    assert np.median(columns) > np.median(alone) + 2


def test_parts_of_digits_are_not_a_digit_and_none_is_a_bar(recordings: list[Recording]) -> None:
    parts = from_fragments(recordings, 60, 1)
    assert 30 < len(parts.labels) <= 60
    assert set(parts.labels.tolist()) == {NOT_A_DIGIT}
    for frame in parts.frames:
        rows, columns = np.nonzero(frame > 51)
        assert np.ptp(columns) + 1 >= 0.35 * (np.ptp(rows) + 1)


def test_only_digits_whose_parts_pass_for_no_other_are_cut(recordings: list[Recording]) -> None:
    uncut = [each for each in recordings if each.label not in fragments.CUT_DIGITS]
    assert {each.label for each in uncut} == {1, 3, 4, 7, 8}
    assert len(from_fragments(uncut, 20, 1).labels) == 0


def test_without_recordings_there_are_no_examples() -> None:
    for each in (
        from_recordings([], 1),
        from_scenes([], SCENE_KINDS, 1),
        from_joined([], 20, 1),
        from_fragments([], 20, 1),
        from_scribbles(0, 1),
        from_blanks(0, 1),
        from_images([], np.empty(0, np.uint8)),
    ):
        assert each.frames.shape == (0, 28, 28)
        assert each.labels.shape == (0,)


def test_equal_seeds_make_equal_examples(recordings: list[Recording]) -> None:
    def make(seed: int) -> Examples:
        return concatenate(
            [
                from_scenes(recordings, SCENE_KINDS, seed),
                from_blanks(10, seed),
                from_joined(recordings, 10, seed),
                from_fragments(recordings, 10, seed),
            ]
        )

    first = make(1)
    assert_are_equal(first, make(1))
    assert not np.array_equal(first.frames[:50], make(2).frames[:50])


def draw_number(item: int, random: np.random.Generator) -> tuple[int, float]:
    """Return an item with a random number; at the top level, for other processes."""
    return item, float(random.random())


def test_items_are_worked_on_in_several_processes_in_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frame_jobs, "_ITEMS_PER_JOB", 4)
    results = frame_jobs.run_jobs(draw_number, list(range(10)), 7)
    assert [item for item, _ in results] == list(range(10))
    assert len({number for _, number in results}) == 10
    # Each job has a generator of its own.
    assert results[:4] == frame_jobs.run_jobs(draw_number, list(range(4)), 7)


def test_similar_frames_are_the_same_moved_by_less_than_a_pixel() -> None:
    frame = np.zeros((28, 28), np.float32)
    frame[4:24, 13:15] = 1
    moved = np.asarray((frame + np.roll(frame, 1, axis=1)) / 2, np.float32)
    turned = np.ascontiguousarray(frame.T)
    assert similarity(frame, frame) == pytest.approx(1)
    assert similarity(frame, moved) >= MIN_SAME
    assert similarity(frame, turned) < MAX_DIFFERENT
    assert similarity(frame, np.zeros_like(frame)) == 0


def test_every_reading_of_a_scene_is_considered(
    recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def count_readings(gray: NDArray[np.uint8]) -> object:
        found = find_readings(gray)
        counts.append(len(found[0]))
        return found

    monkeypatch.setattr(scene_examples, "find_readings", count_readings)
    # Nothing is dropped.
    monkeypatch.setattr(scene_examples, "MAX_DIFFERENT", 2.0)
    monkeypatch.setattr(scene_examples, "BAR_SHARE", 1.0)
    scenes = from_scenes(recordings, ["desk"], 1)
    assert len(scenes.labels) == sum(counts) > len(counts)
