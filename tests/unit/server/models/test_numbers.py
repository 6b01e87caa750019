"""The numbers of images: which view stands, and whether there are several digits at all."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.engine import NOT_A_DIGIT
from digits_server.models.line_engine import NO_CHARACTER
from digits_server.models.numbers import Number, find_numbers
from digits_server.models.predictions import NO_DIGIT, NO_READING, Verdict, to_predictions
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.readings import NOTHING, Found, Reading, join_readings
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.strips import STRIP_HEIGHT, Line

BOX = (3, 4, 5, 6)
THRESHOLD = 0.5
PITCH = 20
Probs = NDArray[np.float32]


def line(count: int, *, view: int = 0, image: int = 0) -> Line:
    """Return a line with so many bars in its strip, each four columns wide."""
    strip = np.zeros((STRIP_HEIGHT, PITCH * count), np.float32)
    for index in range(count):
        strip[2:-2, PITCH * index + 8 : PITCH * index + 12] = 1
    columns = 101 + 2 * np.arange(strip.shape[1], dtype=np.float64)
    return Line(strip, columns, 50, 2, (1000, 200), view, image)


def character(value: int, prob: float = 0.9) -> Probs:
    """Return the line network's probabilities for a bar, where it reads one character."""
    probs = np.full((PITCH // 2, 12), 1e-6, np.float32)
    probs[:, NO_CHARACTER] = 1
    probs[4:6] = (1 - prob) / 11
    probs[4:6, value] = prob
    return probs


def digit(value: int, prob: float = 0.9) -> NDArray[np.float32]:
    probs = np.full(12, (1 - prob) / 11, np.float32)
    probs[value] = prob
    return probs


NO = character(NOT_A_DIGIT, 0.9999)


def unsure(frames: Probs) -> Probs:
    """Stand for a network that has no opinion about the digits of numbers."""
    assert frames.shape[1:] == (28, 28)
    return np.full((len(frames), 12), 1 / 12, np.float32)


def texts(numbers: dict[int, list[Number]]) -> dict[int, list[str]]:
    return {image: [number.text for number in those] for image, those in numbers.items()}


def of_lines(lines: list[Line], characters: list[Probs]) -> list[Probs]:
    """Return the probabilities of each line, given those of all bars."""
    rest = iter(characters)
    return [
        np.concatenate([next(rest) for _ in range(each.strip.shape[1] // PITCH)]) for each in lines
    ]


def find(lines: list[Line], characters: list[Probs], **singles: float) -> dict[int, list[str]]:
    known = {int(name[1:]): prob for name, prob in singles.items()}
    return texts(find_numbers(lines, of_lines(lines, characters), unsure, known, THRESHOLD))  # type: ignore[arg-type]


def test_a_number_has_its_places_and_boxes() -> None:
    characters = [character(2), character(0), character(6)]
    [number] = find_numbers([line(3)], of_lines([line(3)], characters), unsure, {}, THRESHOLD)[0]
    assert number.text == "206"
    assert [place.digit for place in number.places] == [2, 0, 6]
    assert number.box == (116, 54, 88, 48)
    boxes = [(116, 54, 8, 48), (156, 54, 8, 48), (196, 54, 8, 48)]
    assert [place.box for place in number.places] == boxes
    for place in number.places:
        assert place.probs.shape == (10,)
        assert abs(place.probs.sum() - 1) < 1e-6
        assert place.confidence == place.probs.max() > 0.9
    assert 0.5 < number.confidence < 1


def test_one_digit_is_no_number() -> None:
    assert find([line(1)], [character(7)]) == {}
    assert find([line(2)], [character(7), character(11, 0.99)]) == {}


def test_the_view_for_which_more_speaks_stands() -> None:
    worse, better = line(2), line(3, view=1)
    probs = [character(1, 0.6), character(7, 0.6), character(4), character(5), character(6)]
    assert find([worse, better], probs) == {0: ["456"]}
    assert find([better._replace(view=0), worse._replace(view=1)], probs[2:] + probs[:2]) == {
        0: ["456"]
    }


def test_lines_of_a_view_belong_together() -> None:
    probs = [character(value) for value in (1, 2, 3, 4, 5)]
    assert find([line(2), line(3)], probs) == {0: ["12", "345"]}
    assert find([line(1), line(1)], probs[:2]) == {0: ["1", "2"]}


def test_each_image_has_its_own_numbers() -> None:
    lines = [line(2, image=1), line(2, image=4)]
    assert find(lines, [character(value) for value in (1, 2, 3, 4)]) == {1: ["12"], 4: ["34"]}


def test_a_digit_that_is_more_convincing_stands() -> None:
    unsure = [character(1, 0.52), character(7, 0.52)]
    assert find([line(2)], unsure, i0=0.99) == {}
    # Two that are a little more convincing may be the grain of a desk.
    assert find([line(2)], [character(1, 0.83), character(7, 0.83)], i0=0.99) == {}
    assert find([line(2)], [character(1, 0.999), character(7, 0.999)], i0=0.999) == {0: ["17"]}


def test_ink_that_is_not_one_digit_is_several_even_if_they_are_not_sure() -> None:
    unsure = [character(1, 0.3), character(7, 0.3)]
    assert find([line(2)], unsure, i0=0.2) == {0: ["17"]}
    assert find([line(2)], [NO, NO], i0=0.2) == {}


def test_lines_without_digits_are_left_out() -> None:
    junk, probs = [character(11, 0.9)] * 9, [character(1), character(2)]
    assert find([line(9), line(2)], junk + probs) == {0: ["12"]}


def test_a_line_of_too_many_digits_is_none() -> None:
    assert find([line(33)], [character(7)] * 33) == {}
    assert find([line(32)], [character(7)] * 32) == {0: ["7" * 32]}


def frames() -> Frames:
    """Return the frames of a digit, of an image with two, and of a blank one."""
    reading = Reading(0, np.full((28, 28), 0.5, np.float32), BOX)
    found = [
        Found([reading], [], Reason.UNSPECIFIED),
        Found([reading], [line(2)], Reason.UNSPECIFIED),
        NOTHING,
    ]
    return Frames.of_readings(join_readings(found), np.array([0, 3, 0], np.uint32))


PROBS = np.stack([digit(8), digit(9)])
LINE_PROBS = [np.concatenate([character(1, 0.999), character(7, 0.999)])]


def test_an_image_with_several_digits_is_not_one_of_them() -> None:
    predictions = to_predictions(frames(), PROBS, LINE_PROBS, unsure, 0.5, "7")
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


def test_without_a_frame_the_line_network_tells_writing_from_none() -> None:
    found = [Found([], [line(3)], Reason.NO_DIGIT) for _ in range(2)]
    nothing = np.full((30, 12), 1e-6, np.float32)
    nothing[:, NO_CHARACTER] = 1
    predictions = to_predictions(
        Frames.of_readings(join_readings(found), np.zeros(2, np.uint32)),
        np.zeros((0, 12), np.float32),
        [np.concatenate([NO, NO, NO]), nothing],
        unsure,
        0.5,
        "7",
    )
    assert predictions.verdicts.tolist() == [Verdict.NOT_A_DIGIT, Verdict.BLANK]
    assert predictions.reasons.tolist() == [Reason.NO_DIGIT, 0]
    assert not predictions.probs.any()


def test_predictions_that_are_cut_and_joined_keep_their_numbers() -> None:
    predictions = to_predictions(frames(), PROBS, LINE_PROBS, unsure, 0.5, "7")
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
        np.testing.assert_array_equal(joined.pixels, whole.pixels)
        np.testing.assert_array_equal(joined.lines[0].strip, whole.lines[0].strip)


def test_the_confidence_is_made_of_the_share_and_the_evidence() -> None:
    probs = of_lines([line(2)], [character(2), character(0)])

    def confidence(*weights: float) -> float:
        found = find_numbers([line(2)], probs, unsure, {}, THRESHOLD, weights)  # type: ignore[arg-type]  # three
        return found[0][0].confidence

    [plain] = find_numbers([line(2)], probs, unsure, {}, THRESHOLD)[0]
    assert plain.confidence == pytest.approx(plain.share)
    assert confidence(1.0, 0.0, 0.0) == pytest.approx(plain.share)
    assert confidence(0.0, 0.0, 0.0) == 0.5
    assert confidence(0.0, 1.0, 0.0) == pytest.approx(1 / (1 + np.exp(-plain.evidence)))
    assert 0 < confidence(0.0, 0.0, -1e9) < confidence(0.0, 0.0, 1e9) < 1


def test_each_digit_is_what_both_networks_find_most_likely() -> None:
    in_line = np.full((10, 12), 1e-6, np.float32)
    in_line[:, NO_CHARACTER] = 1
    in_line[4:6, [4, 9, NO_CHARACTER]] = (0.45, 0.55, 1e-6)
    probs = [np.concatenate([character(1), in_line])]

    def four(frames: Probs) -> Probs:
        return np.stack([digit(1), digit(4)])[: len(frames)]

    [number] = find_numbers([line(2)], probs, unsure, {}, THRESHOLD)[0]
    assert number.text == "19"
    [other] = find_numbers([line(2)], probs, four, {}, THRESHOLD)[0]
    assert other.text == "14"
    assert other.places[1].confidence == other.places[1].probs.max() > 0.85
    assert other.share > number.share


def test_a_digit_that_touches_another_is_read_in_its_line_only() -> None:
    touching = line(2)
    touching.strip[12:16, 8:32] = 1

    def asked(frames: Probs) -> Probs:
        raise AssertionError("no digit is whole")

    probs = [np.concatenate([character(1), character(7)])]
    [number] = find_numbers([touching], probs, asked, {}, THRESHOLD)[0]
    assert number.text == "17"


def test_what_only_the_line_takes_for_no_digit_is_one() -> None:
    probs = [np.concatenate([character(1), character(NOT_A_DIGIT, 0.6)])]

    assert find_numbers([line(2)], probs, unsure, {}, THRESHOLD) == {}
    probs = [np.concatenate([character(1), character(2), character(NOT_A_DIGIT, 0.6)])]
    [number] = find_numbers([line(3)], probs, unsure, {}, THRESHOLD)[0]
    assert number.text == "12?"

    def digits(frames: Probs) -> Probs:
        return np.stack([digit(1), digit(2), digit(7, 0.999)])

    [number] = find_numbers([line(3)], probs, digits, {}, THRESHOLD)[0]
    assert number.text == "127"
