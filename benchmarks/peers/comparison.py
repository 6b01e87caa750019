"""The figures that compare digits with its peers, with their targets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure
from benchmarks.peers.reference import BATCH_SIZE
from benchmarks.peers.rounds import Round

Rounds = Mapping[int, Round]
"""The rounds of a contender that succeeded, by their number."""


@dataclass(frozen=True)
class _Comparison:
    subject: str
    """Key of a contender."""
    peers: tuple[str, ...]
    """Keys of other contenders, of which the best one counts; empty for all peers."""
    quantity: str
    """Name of a figure of a round."""
    label: str
    at_least: float | None


_UNARY: Final = "calls_per_second"
_COMPARISONS: Final = (
    _Comparison(
        "digits-2-workers",
        ("pytriton",),
        _UNARY,
        "single images: digits, 2 workers, relative to Triton's Python backend",
        1.5,
    ),
    _Comparison(
        "digits-2-workers",
        ("mlserver",),
        _UNARY,
        "single images: digits, 2 workers, relative to MLServer",
        2.5,
    ),
    _Comparison(
        "digits-2-workers",
        ("mosec",),
        _UNARY,
        "single images: digits, 2 workers, relative to mosec",
        1.1,
    ),
    _Comparison(
        "digits",
        (),
        "batch_images_per_second",
        f"batches of {BATCH_SIZE}: digits, 1 worker, relative to the fastest peer",
        1.0,
    ),
)


def compare(rounds: Mapping[str, Rounds]) -> Iterable[Figure]:
    """Return the ratios in each round in which all that are compared succeeded.

    Args:
        rounds: The rounds of each contender, by its key. Comparisons with contenders that were
            not measured, or never succeeded, are left out.
    """
    rounds = {key: of_contender for key, of_contender in rounds.items() if of_contender}
    for comparison in _COMPARISONS:
        peers = comparison.peers or [key for key in rounds if not key.startswith("digits")]
        compared = [comparison.subject, *peers]
        if not peers or any(key not in rounds for key in compared):
            continue
        common = set.intersection(*(set(rounds[key]) for key in compared))
        ratios = [_ratio(comparison, peers, rounds, number) for number in sorted(common)]
        if ratios:
            name = f"{comparison.quantity}_{comparison.subject}_{'_'.join(comparison.peers)}"
            yield Figure(name, comparison.label, ratios, at_least=comparison.at_least)


def _ratio(
    comparison: _Comparison, peers: Iterable[str], rounds: Mapping[str, Rounds], number: int
) -> float:
    def value(key: str) -> float:
        return float(getattr(rounds[key][number], comparison.quantity))

    return value(comparison.subject) / max(map(value, peers))
