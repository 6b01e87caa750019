"""The table of what callers of an overloaded server got."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.end_to_end.overload.outcome import Outcome
from benchmarks.figures import Figure
from benchmarks.limits.payloads import LABELS, Form
from benchmarks.performance_doc import number, table
from digits_client.bench.recording import OK, REJECTED

GOODPUT_TARGETS: Final = {1.0: 0.9, 5.0: 0.95}
"""Goodput relative to the peak, by the deadline in seconds."""
P99_TARGET_MS: Final = 2000.0
"""Twice the wait that the server admits by default."""
STATUS_WORDS: Final = {REJECTED: "rejected", "DEADLINE_EXCEEDED": "expired"}
HEADER: Final = (
    *("images", "deadline", "peak, calls/s", "offered, calls/s", "goodput, of the peak", ""),
    *("p99", "", "mean", "in the handler", "not served"),
)


@dataclass(frozen=True)
class Round:
    """The outcome of one round."""

    peak: float
    """Goodput of the same calls without overload, in calls per second."""
    outcome: Outcome


Rounds = Mapping[tuple[Form, float], Sequence[Round]]
"""The rounds by the images and the deadline in seconds."""


def outcome_table(rounds: Rounds) -> str:
    """Return the medians of the rounds, and the range of the figures that have a target."""
    return table(HEADER, (tuple(_row(*case, of_case)) for case, of_case in rounds.items()))


def _row(form: Form, deadline_seconds: float, rounds: Sequence[Round]) -> Iterator[str]:
    outcomes = [one.outcome for one in rounds]
    yield LABELS[form]
    yield f"{deadline_seconds:g} s"
    yield _median([one.peak for one in rounds])
    yield _median([outcome.offered for outcome in outcomes])
    goodput = [one.outcome.goodput / one.peak for one in rounds]
    yield from _with_target(
        Figure("goodput", "", goodput, at_least=GOODPUT_TARGETS[deadline_seconds])
    )
    p99_ms = [outcome.p99_ms for outcome in outcomes]
    yield from _with_target(Figure("p99", "", p99_ms, " ms", 0, at_most=P99_TARGET_MS))
    yield f"{_median([outcome.mean_ms for outcome in outcomes])} ms"
    yield f"{_median([outcome.handler_ms for outcome in outcomes])} ms"
    yield not_served(sum((outcome.statuses for outcome in outcomes), Counter()))


def not_served(statuses: Counter[str]) -> str:
    """Return the shares of calls that did not succeed, the largest first."""
    total = statuses.total()
    shares = [
        f"{count / total:.0%} {STATUS_WORDS.get(status, status)}"
        for status, count in statuses.most_common()
        if status != OK
    ]
    return ", ".join(shares) or "none"


def _median(values: Sequence[float]) -> str:
    return number(statistics.median(values), 0)


def _with_target(figure: Figure) -> tuple[str, str]:
    """Return the median with its range, and the target with whether it is met."""
    result = figure.as_json()
    median, low, high = (number(result[key], figure.digits) for key in ("median", "min", "max"))
    target = f"≥ {figure.at_least:g}" if figure.at_least else f"≤ {figure.at_most:,.0f}"
    outcome = "met" if result["is_met"] else "**missed**"
    return f"{median}{figure.unit} ({low} .. {high})", f"{target}{figure.unit}: {outcome}"
