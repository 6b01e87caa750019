"""The tables of docs/performance.md, replaced between their markers.

A table stands between ``<!-- name -->`` and ``<!-- /name -->``; the rest of the document stays.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"


class MarkerError(ValueError):
    """The document does not have exactly one pair of markers for a table."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def replace_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return a document with its tables replaced.

    Args:
        text: The document.
        tables: The new tables by the name in their markers.

    Raises:
        MarkerError: The document does not have exactly one pair of markers of a name.
    """
    for name, content in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1 or text.index(end) < text.index(start):
            raise MarkerError(f"the document must have {start} and {end} once each, in this order")
        between = re.compile(f"(?<={re.escape(start)}).*?(?={re.escape(end)})", re.DOTALL)
        # A function, so that backslashes in the table are not read as group references.
        text = between.sub(lambda _, content=content: f"\n\n{content}\n\n", text)  # type: ignore[misc]
    return text


def provenance_line(result: Mapping[str, Any]) -> str:
    """Return a sentence with the date, the machine and the versions of a result."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    count = result.get("rounds", 1)
    rounds = f", {count} rounds" if count > 1 else ""
    return (
        f"Measured {result['date'][:10]}{rounds}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['kernel']}, load average {machine['load_average']} at the start; {versions}."
    )


def figures_table(figures: Iterable[Mapping[str, Any]]) -> str:
    """Return figures with their targets; missed targets are marked."""
    rows = []
    for figure in figures:
        digits, unit = figure["digits"], figure["unit"]
        target, outcome = "", ""
        if figure["at_least"] is not None:
            target = f"≥ {figure['at_least']:g} {unit}".strip()
        elif figure["at_most"] is not None:
            target = f"≤ {figure['at_most']:g} {unit}".strip()
        if figure["is_met"] is not None:
            outcome = "met" if figure["is_met"] else "**missed**"
        value_range = f"{number(figure['min'], digits)} .. {number(figure['max'], digits)}"
        median = f"{number(figure['median'], digits)} {unit}".strip()
        rows.append(
            (
                figure["label"],
                median,
                value_range if figure["rounds"] > 1 else "once",
                target,
                outcome,
            )
        )
    return table(("figure", "median", "range", "target", ""), rows)


def profile_table(result: Mapping[str, Any]) -> str:
    """Return the layers of a call, the largest first."""
    total = result["total_microseconds"]
    layers = sorted(result["microseconds"].items(), key=lambda layer: -layer[1])
    rows = [(layer, f"{time_us:.0f} µs", f"{time_us / total:.0%}") for layer, time_us in layers]
    return table(("layer", "CPU time", "share"), [*rows, ("total", f"{total:.0f} µs", "100%")])


def peers_table(result: Mapping[str, Any]) -> str:
    """Return the medians of each server, relative to the first measured one's."""
    measured = [one["median"] for one in result["contenders"] if one.get("median")]
    baseline = measured[0] if measured else {}
    rows = []
    for contender in result["contenders"]:
        median, spread = contender.get("median"), contender.get("spread")
        if not median or not spread:
            rows.append((contender["label"], "not measured", "", "", "", "", "", ""))
            continue
        relative = {name: value / baseline[name] for name, value in median.items()}
        low, high = (value / baseline["calls_per_second"] for value in spread["calls_per_second"])
        sustained = (
            "" if contender["rate_held"] else f" (at {median['rate_calls_per_second']:.0f} calls/s)"
        )
        rows.append(
            (
                contender["label"],
                multiple(relative["calls_per_second"]),
                f"{multiple(low)} .. {multiple(high)}",
                multiple(relative["alone_p50_ms"]),
                f"{multiple(relative['rate_p99_ms'])}{sustained}",
                multiple(relative["batch_images_per_second"]),
                multiple(relative["memory_mb"]),
                multiple(relative["ready_seconds"]),
            )
        )
    rate = result["settings"]["rate_calls_per_second"]
    header = (
        *("server", "calls/s", "range", "p50, one caller", f"p99 at {rate:g} calls/s"),
        *("images/s in batches", "memory", "time to ready"),
    )
    return table(header, rows)


def number(value: float, digits: int) -> str:
    """Return a number with a fixed count of decimal places and a comma per thousand."""
    return f"{value:,.{digits}f}"


def multiple(value: float) -> str:
    """Return a ratio with two or three significant digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
