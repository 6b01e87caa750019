import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.preprocessing.normalize import normalize
from digits_training import scene_examples
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT, Recording
from digits_training.scenes import draw_scene


def recording(character: str) -> Recording:
    """Return a 7 written with two strokes, whatever it is called."""
    top = np.array([[10, 10], [60, 10], [30, 100]], np.float32)
    bar = np.array([[20, 55], [60, 52]], np.float32)
    return Recording(character, "someone", (top, bar))


def bar(width: int) -> NDArray[np.float32]:
    frame = np.zeros((28, 28), np.float32)
    frame[4:24, 14 - width // 2 : 14 + width - width // 2] = 1
    return frame


@pytest.mark.parametrize(("character", "label"), [("7", 7), ("T", NOT_A_DIGIT)])
def test_readings_of_the_character_have_its_label_and_all_others_no_writing(
    character: str, label: int
) -> None:
    examples = scene_examples.from_scenes([recording(character)], ["border", "desk"], 3, copies=20)
    assert set(examples.labels.tolist()) == {label, NO_WRITING}
    shown = examples.with_labels(label).frames
    others = examples.with_labels(NO_WRITING).frames
    assert len(shown) >= 15
    # Frames of the character are alike.
    assert np.std(shown.astype(float), axis=0).mean() < np.std(others.astype(float), axis=0).mean()


def test_an_underlined_character_has_its_label_with_the_line_that_it_touches() -> None:
    random = np.random.default_rng(5)
    labels = []
    for _ in range(40):
        scene = draw_scene("underlined", recording("7").strokes, random)
        ideals = [normalize(scene.clean), normalize(scene.with_lines)]
        labels.append(scene_examples._label(ideals[1], ideals, 7))
    assert labels == [7] * 40


def test_only_few_frames_without_writing_that_look_like_a_1_are_examples() -> None:
    ring = normalize(
        np.asarray(draw_scene("plain", recording("7").strokes, np.random.default_rng(1)).clean)
    )
    random = np.random.default_rng(2)
    bars = [np.clip(bar(4) - random.uniform(0, 0.1, (28, 28)), 0, 1) for _ in range(300)]
    kept = [scene_examples._label(each.astype(np.float32), [ring], 7) for each in bars]
    assert set(kept) == {NO_WRITING, None}
    assert 10 <= kept.count(NO_WRITING) <= 60
    assert scene_examples._label(bar(16), [ring], 7) == NO_WRITING


def test_images_without_writing_give_only_frames_without_writing() -> None:
    examples = scene_examples.from_blanks(26, 4)
    assert len(examples.labels) > 26
    assert set(examples.labels.tolist()) == {NO_WRITING}
