"""Tests of digits in another hand."""

import numpy as np

from digits_training.canvases import Points
from digits_training.other_hands import OtherHand, rewrite
from digits_training.recordings import Recording
from digits_training.stroke_templates import write_digit


def digits() -> list[list[Points]]:
    random = np.random.default_rng(1)
    return [write_digit(digit, random) for digit in range(10)]


def test_a_digit_keeps_its_strokes_and_is_about_as_large_as_others() -> None:
    random = np.random.default_rng(2)
    for digit, strokes in enumerate(digits()):
        for _ in range(20):
            written = OtherHand(random).write(strokes, str(digit))
            assert len(written) == len(strokes)
            size = np.ptp(np.concatenate(written), axis=0).max()
            assert 0.6 < size < 2


def test_equal_seeds_write_equally() -> None:
    first, second = (OtherHand(np.random.default_rng(3)).write(digits()[5], "5") for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_one_hand_writes_a_digit_alike_and_two_hands_do_not() -> None:
    random = np.random.default_rng(4)
    strokes = digits()[8][:1]  # one line, so that its ends are comparable

    def distance(one: OtherHand, other: OtherHand) -> float:
        written = [hand.write(strokes, "8")[0] for hand in (one, other)]
        ends = [stroke[[0, len(stroke) // 2, -1]] for stroke in written]
        return float(np.linalg.norm(ends[0] - ends[1]))

    hands = [OtherHand(random) for _ in range(60)]
    same = np.mean([distance(hand, hand) for hand in hands])
    different = np.mean([distance(*pair) for pair in zip(hands[::2], hands[1::2], strict=True)])
    assert 2 * same < different


def test_a_dot_and_a_short_dash_are_not_lost() -> None:
    dot, dash = np.array([[3.0, 4.0]]), np.array([[0.0, 0.0], [0.05, 0.0]])
    line = np.array([[0.0, 0.0], [0.0, 1.0]])
    written = OtherHand(np.random.default_rng(5)).write([dot, dash, line], "1")
    assert [len(stroke) > 0 for stroke in written] == [True] * 3
    assert all(np.isfinite(stroke).all() for stroke in written)


def test_so_many_recordings_are_rewritten_and_the_others_stay_as_they_are() -> None:
    random = np.random.default_rng(6)
    recording = Recording("5", "somebody", tuple(digits()[5]))
    rewritten = [rewrite(recording, 0.25, random) is not recording.strokes for _ in range(400)]
    assert 60 < sum(rewritten) < 140
