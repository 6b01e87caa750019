"""The numbers of images: which view stands, and whether there are several digits at all."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.engine import NOT_A_DIGIT
from digits_server.models.numbers import Number, find_numbers
from digits_server.models.predictions import NO_DIGIT, NO_READING, Verdict, to_predictions
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.lattice import Line
from digits_server.preprocessing.readings import NOTHING, Found, Reading, join_readings
from digits_server.preprocessing.reason import Reason

BOX = (3, 4, 5, 6)
THRESHOLD = 0.5


def line(count: int, *, view: int = 0, image: int = 0) -> Line:
    """Return a line of so many segments, each of which is a candidate."""
    boxes = [(10 * index, 5, 8, 20 + index) for index in range(count)]
    return Line(
        np.full((count, 28, 28), 0.25, np.float32),
        np.array([(index, index + 1) for index in range(count)], np.intp),
        np.array(boxes, np.intp),
        np.ones(count),
        np.zeros(count + 1, bool),
        view,
        image,
    )


def digit(value: int, prob: float = 0.9) -> NDArray[np.float32]:
    probs = np.full(12, (1 - prob) / 11, np.float32)
    probs[value] = prob
    return probs


NO = digit(NOT_A_DIGIT, 0.9999)


def texts(numbers: dict[int, list[Number]]) -> dict[int, list[str]]:
    return {image: [number.text for number in those] for image, those in numbers.items()}


def find(
    lines: list[Line], probs: list[NDArray[np.float32]], **singles: float
) -> dict[int, list[str]]:
    known = {int(name[1:]): prob for name, prob in singles.items()}
    return texts(find_numbers(lines, np.stack(probs), known, THRESHOLD))  # type: ignore[arg-type]


def test_a_number_has_its_places_and_boxes() -> None:
    [number] = find_numbers([line(3)], np.stack([digit(2), digit(0), digit(6)]), {}, THRESHOLD)[0]
    assert number.text == "206"
    assert [place.digit for place in number.places] == [2, 0, 6]
    assert number.box == (0, 5, 28, 22)
    assert [place.box for place in number.places] == [(0, 5, 8, 20), (10, 5, 8, 21), (20, 5, 8, 22)]
    for place in number.places:
        assert place.probs.shape == (10,)
        assert abs(place.probs.sum() - 1) < 1e-6
        assert place.confidence == place.probs.max() > 0.9
    assert 0.5 < number.confidence < 1


def test_one_digit_is_no_number() -> None:
    assert find([line(1)], [digit(7)]) == {}
    assert find([line(2)], [digit(7), digit(11, 0.99)]) == {}


def test_the_view_for_which_more_speaks_stands() -> None:
    worse, better = line(2), line(3, view=1)
    probs = [digit(1, 0.6), digit(7, 0.6), digit(4), digit(5), digit(6)]
    assert find([worse, better], probs) == {0: ["456"]}
    assert find([better._replace(view=0), worse._replace(view=1)], probs[2:] + probs[:2]) == {
        0: ["456"]
    }


def test_lines_of_a_view_belong_together() -> None:
    probs = [digit(value) for value in (1, 2, 3, 4, 5)]
    assert find([line(2), line(3)], probs) == {0: ["12", "345"]}
    assert find([line(1), line(1)], probs[:2]) == {0: ["1", "2"]}


def test_each_image_has_its_own_numbers() -> None:
    lines = [line(2, image=1), line(2, image=4)]
    assert find(lines, [digit(value) for value in (1, 2, 3, 4)]) == {1: ["12"], 4: ["34"]}


def test_a_digit_that_is_more_convincing_stands() -> None:
    unsure = [digit(1, 0.52), digit(7, 0.52)]
    assert find([line(2)], unsure, i0=0.99) == {}
    # Two that are a little more convincing may be the grain of a desk.
    assert find([line(2)], [digit(1, 0.83), digit(7, 0.83)], i0=0.99) == {}
    assert find([line(2)], [digit(1, 0.999), digit(7, 0.999)], i0=0.999) == {0: ["17"]}


def test_ink_that_is_not_one_digit_is_several_even_if_they_are_not_sure() -> None:
    unsure = [digit(1, 0.3), digit(7, 0.3)]
    assert find([line(2)], unsure, i0=0.2) == {0: ["17"]}
    assert find([line(2)], [NO, NO], i0=0.2) == {}


def test_lines_without_digits_are_left_out() -> None:
    junk, probs = [digit(11, 0.9)] * 9, [digit(1), digit(2)]
    assert find([line(9), line(2)], junk + probs) == {0: ["12"]}


def test_a_line_of_too_many_digits_is_none() -> None:
    assert find([line(33)], [digit(7)] * 33) == {}
    assert find([line(32)], [digit(7)] * 32) == {0: ["7" * 32]}


def frames() -> Frames:
    """Return the frames of a digit, of an image with two, and of a blank one."""
    reading = Reading(0, np.full((28, 28), 0.5, np.float32), BOX)
    found = [
        Found([reading], [], Reason.UNSPECIFIED),
        Found([reading], [line(2)], Reason.UNSPECIFIED),
        NOTHING,
    ]
    return Frames.of_readings(join_readings(found), np.array([0, 3, 0], np.uint32))


PROBS = np.stack([digit(8), digit(9), digit(1), digit(7)])


def test_an_image_with_several_digits_is_not_one_of_them() -> None:
    predictions = to_predictions(frames(), PROBS, 0.5, "7")
    assert predictions.verdicts.tolist() == [Verdict.DIGIT, Verdict.NOT_A_DIGIT, Verdict.BLANK]
    assert predictions.digits.tolist() == [8, NO_DIGIT, NO_DIGIT]
    assert predictions.reasons.tolist() == [0, Reason.SEVERAL_DIGITS, 0]
    assert predictions.readings.tolist() == [0, NO_READING, NO_READING]
    assert predictions.boxes.tolist() == [list(BOX), [0] * 4, [0] * 4]
    assert predictions.unread_pages.tolist() == [0, 3, 0]
    assert not predictions.probs[1:].any()
    assert {row: [each.text for each in those] for row, those in predictions.numbers.items()} == {
        1: ["17"]
    }


def test_predictions_that_are_cut_and_joined_keep_their_numbers() -> None:
    predictions = to_predictions(frames(), PROBS, 0.5, "7")
    for cut in range(1, 3):
        parts = [predictions[:cut], predictions[cut:]]
        joined = type(predictions).concatenate(parts)
        assert list(joined.numbers) == [1]
        assert joined.boxes.tolist() == predictions.boxes.tolist()


def test_frames_that_are_cut_and_joined_keep_their_lines() -> None:
    whole = frames()
    for cut in range(4):
        parts = [whole[:cut], whole[cut:]]
        joined = Frames.concatenate(parts)
        assert [each.image for each in joined.lines] == [1]
        np.testing.assert_array_equal(joined.all_pixels, whole.all_pixels)


def test_the_confidence_is_made_of_the_share_and_the_evidence() -> None:
    probs = np.stack([digit(2), digit(0)])

    def confidence(*weights: float) -> float:
        found = find_numbers([line(2)], probs, {}, THRESHOLD, weights)  # type: ignore[arg-type]  # three
        return found[0][0].confidence

    [plain] = find_numbers([line(2)], probs, {}, THRESHOLD)[0]
    assert plain.confidence == pytest.approx(plain.share)
    assert confidence(1.0, 0.0, 0.0) == pytest.approx(plain.share)
    assert confidence(0.0, 0.0, 0.0) == 0.5
    assert confidence(0.0, 1.0, 0.0) == pytest.approx(1 / (1 + np.exp(-plain.evidence)))
    assert 0 < confidence(0.0, 0.0, -1e9) < confidence(0.0, 0.0, 1e9) < 1
