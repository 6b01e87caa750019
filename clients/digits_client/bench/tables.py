"""Figures as text in columns."""

from collections.abc import Iterable, Sequence

from .result import PERCENTILES, Figures, Result

_LATENCIES = (*PERCENTILES, "max")
_HEADER = (
    "",
    "calls/s",
    "goodput/s",
    "images/s",
    *(f"{name} ms" for name in _LATENCIES),
    "refused",
    "superseded",
    "errors",
)


def table(result: Result) -> str:
    """Return a row for each repeat, and one for those that count together."""
    rows = [_HEADER]
    for place, recording in enumerate(result.recordings):
        is_counted = place in result.counted
        name = f"repeat {place + 1}" if is_counted else f"(repeat {place + 1})"
        rows.append(_row(name, Figures.of(recording, result.options)))
    rows.append(_row("result", Figures.of(result.merged, result.options)))
    return columns(rows)


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Return rows with their columns aligned, the first to the left and the others to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def number(value: float | None) -> str:
    """Return a number with what matters of it: three digits, or all before the point."""
    if value is None:
        return "-"
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    latencies = [figures.latency_seconds[name] for name in _LATENCIES]
    return (
        name,
        number(figures.calls_per_second),
        number(figures.goodput_per_second),
        number(figures.images_per_second),
        *(number(None if value is None else 1000 * value) for value in latencies),
        f"{figures.refused:,}",
        f"{figures.superseded:,}",
        f"{sum(figures.errors.values()):,}",
    )
