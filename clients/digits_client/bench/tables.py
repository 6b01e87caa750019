"""Results as text tables."""

from collections.abc import Iterable, Sequence

from .result import PERCENTILES, Figures, Result

_LATENCIES = (*PERCENTILES, "max")
_HEADER = (
    "",
    "calls/s",
    "goodput/s",
    "images/s",
    *(f"{name} ms" for name in _LATENCIES),
    "rejected",
    "superseded",
    "errors",
)


def result_table(result: Result) -> str:
    """Return a table with a row for each repeat and one for the counted repeats together.

    Repeats that are not counted stand in parentheses.
    """
    rows = [_HEADER]
    for index, figures in enumerate(result.repeat_figures):
        name = f"repeat {index + 1}"
        rows.append(_row(name if index in result.counted else f"({name})", figures))
    rows.append(_row("result", result.figures))
    return align_columns(rows)


def align_columns(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as aligned text, the first column to the left and the others to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def format_number(value: float | None) -> str:
    """Return a number with three significant digits, or all its integer digits; - for None."""
    if value is None:
        return "-"
    decimals = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{decimals}f}"


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    latencies = [figures.latency_seconds[name] for name in _LATENCIES]
    return (
        name,
        format_number(figures.calls_per_second),
        format_number(figures.goodput_per_second),
        format_number(figures.images_per_second),
        *(format_number(None if value is None else 1000 * value) for value in latencies),
        f"{figures.refused:,}",
        f"{figures.superseded:,}",
        f"{sum(figures.errors.values()):,}",
    )
