"""The tables of docs/performance.md, rewritten between their markers.

A table stands between ``<!-- name -->`` and ``<!-- /name -->``; all else is left as it is.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"


class MarkerError(ValueError):
    """The document has no place for a table, or more than one."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return a document with tables put between their markers.

    Args:
        text: The document.
        tables: By the name in the markers.

    Raises:
        MarkerError: There is not exactly one pair of markers of a name.
    """
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(end) < text.index(begin):
            raise MarkerError(f"{begin} and {end} are needed once each, in this order")
        between = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
        # By a function: backslashes of a table are no references to groups.
        text = between.sub(lambda _, content=content: f"\n\n{content}\n\n", text)  # type: ignore[misc]
    return text


def measured_on(result: Mapping[str, Any]) -> str:
    """Return the line that says what figures were measured on."""
    machine, versions = result["machine"], result["versions"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    rounds = f", {result['rounds']} rounds" if "rounds" in result else ""
    return (
        f"Measured {result['date'][:10]}{rounds}: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['kernel']}, load {machine['load_average']} at the start; {named}."
    )


def number(value: float, digits: int) -> str:
    """Return a number with so many digits behind the point, and commas."""
    return f"{value:,.{digits}f}"


def limits_table(result: Mapping[str, Any], group: str) -> str:
    """Return the figures of a group beside their targets, those that are missed marked."""
    rows = []
    for figure in result["groups"][group]:
        digits, unit = figure["digits"], figure["unit"]
        target, verdict = "", ""
        if figure["at_least"] is not None:
            target = f"≥ {figure['at_least']:g} {unit}".strip()
        elif figure["at_most"] is not None:
            target = f"≤ {figure['at_most']:g} {unit}".strip()
        if figure["is_met"] is not None:
            verdict = "met" if figure["is_met"] else "**missed**"
        spread = f"{number(figure['min'], digits)} .. {number(figure['max'], digits)}"
        median = f"{number(figure['median'], digits)} {unit}".strip()
        rows.append(
            (figure["what"], median, spread if figure["rounds"] > 1 else "once", target, verdict)
        )
    return table(("what", "median", "range", "target", ""), rows)


def profile_table(result: Mapping[str, Any]) -> str:
    """Return the layers of a call, the largest first."""
    total = result["total_microseconds"]
    layers = sorted(result["microseconds"].items(), key=lambda layer: -layer[1])
    rows = [(layer, f"{one:.0f} µs", f"{one / total:.0%}") for layer, one in layers]
    return table(
        ("layer", "of the processor", "share"), [*rows, ("all", f"{total:.0f} µs", "100%")]
    )


def choice_table(result: Mapping[str, Any]) -> str:
    """Return the ways of a choice."""
    rows = [
        (
            way,
            _significant(one["median"]),
            f"{_significant(one['min'])} .. {_significant(one['max'])}",
        )
        for way, one in result["ways"].items()
    ]
    said = f"\n\n{result['note']}" if result["note"] else ""
    body = table(("way", f"{result['unit']}, median", "range"), rows) if rows else ""
    return f"{body}{said}".strip()


def int8_table(result: Mapping[str, Any]) -> str:
    """Return the speed of each version of the network, as a ratio to float32.

    A single image in one thread, and many with all threads: what lies between is in the result.
    """
    rows = [
        (
            str(one["threads"]),
            str(one["batch"]),
            f"`{one['version']}`",
            number(one["images_per_second"]["median"], 0),
            number(one["ratio_to_float32"]["median"], 2),
            f"{one['ratio_to_float32']['q1']:.2f} .. {one['ratio_to_float32']['q3']:.2f}",
        )
        for one in result["speed"]
        if (one["threads"] == 1) == (one["batch"] == 1)
    ]
    head = ("threads", "images a call", "version", "images/s", "of float32", "middle half")
    return table(head, rows)


def peers_table(result: Mapping[str, Any]) -> str:
    """Return the medians of each server."""
    rows = []
    for one in result["contenders"]:
        median, spread = one.get("median"), one.get("spread")
        if not median or not spread:
            rows.append((one["name"], "not measured", "", "", "", "", "", ""))
            continue
        held = "" if one["rate_held"] else f" (held {median['rate_calls_per_second']:.0f})"
        low, high = spread["calls_per_second"]
        rows.append(
            (
                one["name"],
                number(median["calls_per_second"], 0),
                f"{number(low, 0)} .. {number(high, 0)}",
                f"{median['alone_p50_ms']:.2f} ms",
                f"{median['rate_p99_ms']:.1f} ms{held}",
                number(median["batch_images_per_second"], 0),
                f"{median['memory_mb']:,.0f} MB",
                f"{median['ready_seconds']:.1f} s",
            )
        )
    rate = result["settings"]["rate_calls_per_second"]
    head = (
        *("server", "calls/s", "range", "p50 alone", f"p99 at {rate:g} calls/s"),
        *("images/s in batches", "memory", "ready"),
    )
    return table(head, rows)


def _significant(value: float) -> str:
    return number(value, 0 if value >= 100 else 1)
