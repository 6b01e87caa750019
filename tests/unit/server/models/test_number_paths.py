"""The most probable path through the candidates of a line."""

import itertools
import math
from collections.abc import Collection

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.models.engine import NO_WRITING, NOT_A_DIGIT
from digits_server.models.number_paths import UNKNOWN, best_path, evidence_of
from digits_server.preprocessing.lattice import Line

CLASS_COUNT = 12


def line(
    runs: list[tuple[int, int]], cuts: Collection[int] = (), heights: list[float] | None = None
) -> Line:
    count = max(end for _, end in runs)
    return Line(
        np.zeros((len(runs), 28, 28), np.float32),
        np.array(runs, np.intp),
        np.ones((len(runs), 4), np.intp),
        np.array(heights or [1.0] * len(runs)),
        np.array([index in cuts for index in range(count + 1)]),
    )


def row(**by_name: float) -> NDArray[np.float32]:
    """Return probabilities: ``d7`` of a 7, ``no`` of another sign, ``nothing`` of no writing."""
    probs = np.full(CLASS_COUNT, 1e-4, np.float32)
    for name, prob in by_name.items():
        index = {"no": NOT_A_DIGIT, "nothing": NO_WRITING}.get(name)
        probs[int(name[1:]) if index is None else index] = prob
    return np.asarray(probs / probs.sum(), np.float32)


TWO = [(0, 1), (0, 2), (1, 2)]


def test_two_digits_are_read_where_neither_both_together_are_one() -> None:
    path = best_path(line(TWO), np.stack([row(d1=0.9), row(no=0.9), row(d7=0.9)]))
    assert (path.rows, path.digits) == ([0, 2], [1, 7])
    assert path.share > 0.7
    assert path.evidence > 0


def test_two_strokes_are_one_digit_if_that_is_more_probable() -> None:
    path = best_path(line(TWO), np.stack([row(no=0.9), row(d4=0.9), row(d1=0.5, no=0.5)]))
    assert (path.rows, path.digits) == ([1], [4])


def test_ink_without_writing_is_left_out() -> None:
    path = best_path(line([(0, 1), (1, 2)]), np.stack([row(d3=0.9), row(nothing=0.95)]))
    assert (path.rows, path.digits) == ([0], [3])


def test_a_place_that_is_not_a_digit_is_unknown() -> None:
    path = best_path(line([(0, 1), (1, 2)]), np.stack([row(d3=0.9), row(no=0.999)]))
    # Left out or unknown: both are possible, and the digit stands.
    assert path.digits[0] == 3
    assert path.digits[1:] in ([], [UNKNOWN])


def test_low_ink_is_no_digit_unless_that_is_certain() -> None:
    probs = np.stack([row(d3=0.9), row(d1=0.6, nothing=0.4)])
    assert best_path(line([(0, 1), (1, 2)], heights=[1.0, 1.0]), probs).digits == [3, 1]
    assert best_path(line([(0, 1), (1, 2)], heights=[1.0, 0.3]), probs).digits == [3]


def test_a_cut_through_ink_needs_a_reason() -> None:
    probs = np.stack([row(d1=0.6), row(d4=0.45), row(d1=0.6)])
    assert best_path(line(TWO), probs).digits in ([1, 1], [4])
    whole = best_path(line(TWO, cuts={1}), probs)
    assert whole.digits == [4]


def test_a_part_between_cuts_is_never_left_out() -> None:
    probs = np.stack([row(d1=0.9), row(no=0.9), row(nothing=0.9)])
    path = best_path(line(TWO, cuts={1}), probs)
    assert sum(2 if each == 1 else 1 for each in path.rows) == 2


@pytest.mark.parametrize("seed", range(20))
def test_the_confidence_is_the_share_of_the_path_in_all_paths(seed: int) -> None:
    random = np.random.default_rng(seed)
    runs = [(start, end) for start in range(4) for end in range(start + 1, min(4, start + 3) + 1)]
    probs = random.dirichlet(np.full(CLASS_COUNT, 0.3), len(runs)).astype(np.float32)
    each = line(runs, cuts={2}, heights=random.uniform(0.4, 1.1, len(runs)).tolist())
    path = best_path(each, probs)
    scores = dict(all_paths(each, probs))
    best = max(scores, key=lambda key: scores[key])
    assert tuple(zip(path.rows, path.digits, strict=True)) == best
    total = math.log(sum(math.exp(score) for score in scores.values()))
    assert path.share == pytest.approx(math.exp(scores[best] - total), rel=1e-4)


def all_paths(
    each: Line, probs: NDArray[np.float32]
) -> list[tuple[tuple[tuple[int, int], ...], float]]:
    """Return the places and the score of every path, by trying all: those of ``best_path``."""
    options = []
    for index in range(len(each.runs)):
        row_options: list[tuple[int | None, float]] = []
        for choice in [*range(10), UNKNOWN, None]:
            score = score_of(each, probs, index, choice)
            if score is not None:
                row_options.append((choice, score))
        options.append(row_options)
    count = len(each.cuts) - 1
    found: dict[tuple[tuple[int, int], ...], float] = {}

    def extend(at: int, places: tuple[tuple[int, int], ...], score: float) -> None:
        if at == count:
            found[places] = float(np.logaddexp(found.get(places, -math.inf), score))
            return
        for index, (start, end) in enumerate(each.runs.tolist()):
            if start == at:
                for choice, more in options[index]:
                    place = () if choice is None else ((index, choice),)
                    extend(end, places + place, score + more)

    extend(0, (), 0.0)
    return list(found.items())


def score_of(
    each: Line, probs: NDArray[np.float32], index: int, choice: int | None
) -> float | None:
    start, end = each.runs[index].tolist()
    is_whole = end == start + 1 and not (each.cuts[start] or each.cuts[end])
    height = each.heights[index]
    logs = np.log(np.maximum(probs[index].astype(np.float64), 1e-9))
    if choice is None:
        cost = 1.5 * min(1, (height / 0.5) ** 2)
        return float(np.logaddexp(logs[10], logs[11]) - cost) if is_whole else None
    if choice == UNKNOWN:
        return float(logs[10] - 2.5) if is_whole and height >= 0.5 else None
    return float(logs[choice] - 0.5 * each.cuts[end] - 64 * max(0, 0.6 - height) ** 2)


def test_a_network_without_further_classes_reads_digits_only() -> None:
    probs = np.full((3, 10), 0.01, np.float32)
    probs[[0, 2], [3, 5]] = 0.9
    path = best_path(line(TWO), probs)
    assert path.digits == [3, 5]
    assert 0 < path.share <= 1


def test_probabilities_of_zero_are_no_error() -> None:
    for probs in (np.zeros((3, CLASS_COUNT), np.float32), np.zeros((3, 10), np.float32)):
        path = best_path(line(TWO), probs)
        assert 0 <= path.share <= 1
        assert math.isfinite(path.evidence)
    assert math.isfinite(evidence_of(0.0))


def test_long_lines_take_the_best_of_very_many_paths() -> None:
    runs = [(start, end) for start in range(60) for end in range(start + 1, min(60, start + 6) + 1)]
    probs = np.stack(
        [
            row(**{f"d{start % 10}": 0.95}) if end == start + 1 else row(no=0.95)
            for start, end in runs
        ]
    )
    path = best_path(line(runs), probs)
    assert path.digits == [start % 10 for start in itertools.islice(itertools.count(), 60)]
