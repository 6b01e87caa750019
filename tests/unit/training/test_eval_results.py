"""Predictions for eval sets: the same as the server's."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits_server import models
from digits_server.models.predictions import NO_DIGIT, NO_READING, Verdict
from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import EncodedImage, to_frames
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.search import find_all_readings
from digits_server.settings import SHIPPED_MODELS
from digits_training import drawn_sets, pendigits, scenes
from digits_training.calibration import Calibration
from digits_training.datasets import Mnist
from digits_training.eval_results import (
    EvalResults,
    Predict,
    Read,
    evaluate_set,
    find_frames,
    tutorial_frames,
)
from digits_training.eval_set import EvalSet
from digits_training.recordings import NO_WRITING, NOT_A_DIGIT


def one_stroke(level: int = 0) -> NDArray[np.uint8]:
    """Return a canvas with a vertical bar in its middle."""
    canvas = np.full((100, 100), 255, np.uint8)
    canvas[20:80, 45:55] = level
    return canvas


def two_readings() -> NDArray[np.uint8]:
    """Return a canvas with a bar and a line below it, which may belong to the digit or not."""
    canvas = np.full((240, 240), 255, np.uint8)
    canvas[40:140, 110:130] = 0
    canvas[150:156, 90:150] = 0
    return canvas


BLANK = np.full((100, 100), 255, np.uint8)
FAINT = one_stroke(level=252)


def give(*probs: float, class_count: int = 12) -> Predict:
    """Return a network that finds a 1, something else or no writing with these probabilities.

    Each frame has the next three of them, for the classes 1, NOT_A_DIGIT and NO_WRITING.
    """
    rows = np.zeros((len(probs) // 3, class_count), np.float32)
    rows[:, [1, NOT_A_DIGIT, NO_WRITING]] = np.reshape(probs, (-1, 3))

    def predict(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        assert len(frames) == len(rows)
        return rows

    return predict


def evaluate(images: list[NDArray[np.uint8]], labels: list[int], predict: Predict) -> EvalResults:
    eval_set = EvalSet("set", "Set", images, np.array(labels, np.uint8))
    return evaluate_set(eval_set, predict, Calibration(1.0, 0.5))


def test_results_are_the_predictions_of_the_server(data_dir: Path) -> None:
    version = max(models.versions(SHIPPED_MODELS))
    model = models.load_folder(SHIPPED_MODELS / str(version), 1)
    random = np.random.default_rng(1)
    recordings = pendigits.load_pendigits(data_dir)[:20]
    kinds = scenes.SCENE_KINDS
    files = [
        scenes.encode(scenes.draw_scene(kinds[n % len(kinds)], each.strokes, random), random)
        for n, each in enumerate(recordings)
        if each.label == 0 or kinds[n % len(kinds)] != "slashed"
    ]
    files += drawn_sets.blank_set().files
    eval_set = EvalSet.of_files("files", "Files", files, np.zeros(len(files), np.uint8))
    calibration = Calibration(1.0, model.manifest.rejection_threshold)  # the engine has the rest
    results = evaluate_set(
        eval_set,
        model.engines[0].predict,
        calibration,
        read_strip=model.line_engines[0].predict,
    )
    limits = ImageLimits(max_bytes=2**24, max_pixels=2**24)
    frames = to_frames([EncodedImage(file) for file in files], limits)
    expected = model.predict(frames)
    for name in ("verdicts", "digits", "readings", "reasons", "frames"):
        np.testing.assert_array_equal(
            getattr(results.predictions, name), getattr(expected, name), name
        )
    np.testing.assert_allclose(results.predictions.confidences, expected.confidences, atol=1e-6)
    np.testing.assert_allclose(results.predictions.probs, expected.probs, atol=1e-6)
    assert set(expected.verdicts.tolist()) >= {Verdict.DIGIT, Verdict.BLANK}
    assert results.reading_counts.tolist() == [
        int((frames.owners == n).sum()) for n in range(len(files))
    ]
    assert results.readings_per_image > 1


def test_an_image_is_named_by_its_folder_and_file_or_its_place() -> None:
    file = io.BytesIO()
    Image.new("L", (28, 28)).save(file, "PNG")
    files, labels = [file.getvalue()] * 2, np.array([7, 5], np.uint8)
    named = EvalSet.of_files("wild", "Own", files, labels, ["data/wild/7/a.png", Path("5/b.png")])
    assert [named.image_name(index) for index in (0, 1)] == ["7/a.png", "5/b.png"]
    assert named.take("wild-photo", "Photos", np.array([1])).image_name(0) == "5/b.png"
    assert EvalSet.of_files("blank", "Blank", files, labels).image_name(1) == "image 1"


@pytest.mark.parametrize("best", [0, 1])
def test_the_most_convincing_reading_stands_for_an_image(best: int) -> None:
    images = [two_readings(), one_stroke()]
    frames = find_frames(images)
    count = len(frames.owners) - 1
    assert frames.owners.tolist() == [0] * count + [1]
    assert count > 1
    rows = [[0.2, 0.8, 0.0] for _ in range(count)]
    rows[best] = [0.9, 0.1, 0.0]
    results = evaluate(images, [1, 1], give(*np.ravel([*rows, [0.6, 0.4, 0.0]])))
    assert results.predictions.digits.tolist() == [1, 1]
    assert results.top_digit_probs == pytest.approx([0.9, 0.6])
    assert results.predictions.readings.tolist() == [frames.readings[best], frames.readings[-1]]
    np.testing.assert_array_equal(results.predictions.frames[0], frames.pixels[best])
    assert results.reading_name(0) == READINGS[frames.readings[best]]
    assert results.reading_counts.tolist() == [count, 1]


def test_what_is_right_depends_on_the_label() -> None:
    images = [one_stroke() for _ in range(4)] + [BLANK, FAINT]
    digit, other, nothing = (0.9, 0.05, 0.05), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8)
    predict = give(*digit, *digit, *other, *nothing)
    cases = {1: [1, 1, 0, 0, 0, 0], NOT_A_DIGIT: [0, 0, 1, 1, 1, 1], NO_WRITING: [0, 0, 0, 1, 1, 0]}
    for label, right in cases.items():
        results = evaluate(images, [label] * 6, predict)
        assert results.predictions.verdicts.tolist() == [
            *(Verdict.DIGIT, Verdict.DIGIT, Verdict.NOT_A_DIGIT),
            *(Verdict.BLANK, Verdict.BLANK, Verdict.NOT_A_DIGIT),
        ]
        assert results.is_right.tolist() == [bool(each) for each in right]
        assert results.accuracy == sum(right) / 6
        assert results.not_a_digit_share == pytest.approx(4 / 6)
    assert evaluate(images, [7] * 6, predict).accuracy == 0
    assert results.predictions.reasons[5] == Reason.TOO_FAINT


def test_top_digits_and_their_confidence_do_not_depend_on_the_verdict() -> None:
    images = [one_stroke(), one_stroke(), BLANK]
    results = evaluate(images, [1, 1, 1], give(0.1, 0.8, 0.1, 0.1, 0.1, 0.8))
    assert results.is_not_a_digit.all()
    assert results.predictions.digits.tolist() == [NO_DIGIT] * 3
    assert results.digits.tolist() == [1, 1, NO_DIGIT]
    assert results.confidence == pytest.approx([1, 1, 0])
    assert results.top_digit_probs == pytest.approx([0.1, 0.1, 0])
    assert results.predictions.readings.tolist()[1:] == [NO_READING] * 2
    assert results.reading_name(1) == "no reading"
    assert results.calibration_error == pytest.approx(0)


def test_the_temperature_is_applied_before_the_threshold() -> None:
    eval_set = EvalSet("set", "Set", [one_stroke()], np.array([1], np.uint8))
    predict = give(0.6, 0.4, 0.0)
    sharp, soft = (
        evaluate_set(eval_set, predict, Calibration(temperature, 0.65))
        for temperature in (0.5, 1.0)
    )
    assert sharp.accuracy == 1
    assert sharp.top_digit_probs == pytest.approx([0.36 / 0.52], abs=1e-4)
    assert soft.accuracy == 0


def test_a_set_without_any_reading_needs_no_network() -> None:
    def fail(_: object) -> NDArray[np.float32]:
        raise AssertionError

    results = evaluate([BLANK, BLANK], [NO_WRITING] * 2, fail)
    assert results.accuracy == 1
    assert results.readings_per_image == 0


@pytest.mark.parametrize("read", [find_frames, tutorial_frames])
def test_images_of_mnist_have_one_reading_each(read: Read, sample_mnist: Mnist) -> None:
    frames = read(list(sample_mnist.x_test))
    assert frames.readings.tolist() == [0] * len(sample_mnist.x_test)
    expected = sample_mnist.x_test.astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(frames.pixels, expected, atol=1e-6)


def test_the_tutorials_frame_is_the_whole_image_as_it_is() -> None:
    images = [two_readings(), BLANK]
    assert len(find_all_readings(images).owners) > 1
    frames = tutorial_frames(images)
    assert frames.owners.tolist() == [0, 1]
    expected = np.asarray(Image.fromarray(images[0]).resize((28, 28)), np.float32) / 255
    np.testing.assert_allclose(frames.pixels[0], expected, atol=1e-6)
    assert (frames.pixels[1] == 1).all()
    eval_set = EvalSet("set", "Set", images, np.array([1, NO_WRITING], np.uint8))
    predict = give(0.9, 0.1, 0.0, 0.9, 0.1, 0.0)
    results = evaluate_set(eval_set, predict, Calibration(1.0, 0.5), tutorial_frames)
    assert results.predictions.digits.tolist() == [1, 1]
    assert results.readings_per_image == 1
