"""Several digits as one, and parts of digits."""

import numpy as np
import pytest

from digits_training import fragments


def circle(radius: float) -> fragments.Points:
    """Return a closed stroke of 16 points around the origin."""
    angles = np.linspace(0, 2 * np.pi, 16)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


BAR = np.array([[0.0, 0.0], [0.0, 300.0]])


def test_joined_digits_keep_their_strokes_and_stand_next_to_each_other_at_one_height() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        joined = fragments.join([[circle(40)], [BAR, BAR + 10], [circle(3)]], random)
        assert len(joined) == 4
        first, *_, last = joined
        for points in (first, last):
            assert 75 < np.ptp(points[:, 1]) < 125
            assert np.ptp(points[:, 0]) == pytest.approx(np.ptp(points[:, 1]), rel=0.05)
        middles = [points[:, 0].mean() for points in (first, joined[1], last)]
        assert middles == sorted(middles)
        # Near or touching: at most a fifth of the height apart.
        assert joined[1][:, 0].min() - first[:, 0].max() < 21
        assert last[:, 0].min() - joined[2][:, 0].max() < 21


def test_a_flat_stroke_is_not_enlarged_beyond_its_neighbors() -> None:
    dash = np.array([[0.0, 0.0], [50.0, 0.0]])
    joined = fragments.join([[circle(40)], [dash]], np.random.default_rng(2))
    assert np.ptp(joined[1][:, 0]) < 250
    assert np.isfinite(joined[1]).all()


def test_a_cut_leaves_the_smaller_side_of_the_strokes() -> None:
    random = np.random.default_rng(3)
    sides = set()
    for _ in range(50):
        parts = fragments.cut([circle(100)], random)
        points = np.concatenate(parts)
        assert 0 < np.ptp(points[:, 0]) <= 101
        assert points[:, 0].max() <= 31 or points[:, 0].min() >= -31
        sides.add(bool(points[:, 0].mean() > 0))
    assert sides == {False, True}


def test_a_cut_through_a_stroke_does_not_connect_its_ends() -> None:
    # A zigzag crosses the cut four times, so each side of it is several strokes.
    zigzag = np.array([[0.0, 0.0], [100.0, 25.0], [0.0, 50.0], [100.0, 75.0], [0.0, 100.0]])
    for seed in range(20):
        parts = fragments.cut([zigzag], np.random.default_rng(seed))
        assert len(parts) >= 2
        for part in parts:
            steps = np.hypot(*np.diff(part, axis=0).T)
            assert steps.max() < 15


def test_strokes_on_the_other_side_of_the_cut_are_dropped() -> None:
    parts = fragments.cut([BAR, BAR + np.array([100.0, 0.0])], np.random.default_rng(4))
    assert len(parts) == 1
    assert np.ptp(parts[0][:, 1]) == 300
