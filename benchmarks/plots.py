"""The pictures of docs/performance.md, drawn from the results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images" / "performance"
BLUE: Final = "#3b6fb6"
ORANGE: Final = "#d9822b"
GRAY: Final = "#9aa3ad"
STACK: Final = (
    *("#3b6fb6", "#d9822b", "#4f9d69", "#b5504f", "#8268a8"),
    *("#c9a227", "#5fa8b8", "#9aa3ad", "#6b7280"),
)
WIDTH_INCHES: Final = 9.0
ROW_INCHES: Final = 0.36

Result = Mapping[str, Any]


def draw_limits(result: Result) -> None:
    """Draw each figure that has a target as a share of it: to the right of 1 it is met."""
    figures = [
        figure
        for group in result["groups"].values()
        for figure in group
        if figure["is_met"] is not None
    ]
    figure, axes = _bars(len(figures))
    shares = [[_share(one, one[key]) for key in ("median", "min", "max")] for one in figures]
    medians = [share[0] for share in shares]
    axes.barh(
        range(len(figures)),
        medians,
        xerr=_errors(medians, [sorted(share) for share in shares]),
        color=[BLUE if one["is_met"] else ORANGE for one in figures],
        error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
    )
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_yticks(range(len(figures)), [one["what"].replace("`", "") for one in figures])
    axes.set_xlabel("times as good as the target; orange: missed; lines: range of the rounds")
    _save(figure, "limits")


def draw_profile(result: Result) -> None:
    """Draw where a call's microseconds go, as one stacked bar."""
    figure = Figure(figsize=(WIDTH_INCHES, 2.9), layout="constrained")
    axes = figure.add_subplot()
    begin = 0.0
    layers = sorted(result["microseconds"].items(), key=lambda layer: -layer[1])
    for (layer, microseconds), color in zip(layers, STACK, strict=False):
        label = f"{layer}: {microseconds:.0f} µs"
        axes.barh(0, microseconds, left=begin, color=color, label=label, edgecolor="white")
        begin += microseconds
    axes.set_yticks([])
    axes.set_xlim(0, begin)
    axes.set_xlabel("microseconds of the processor for a call with one raw image")
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    _save(figure, "profile")


def draw_choices(results: Sequence[Result]) -> None:
    """Draw the ways of each choice beside one another, those chosen in blue."""
    drawn = [result for result in results if result["ways"]]
    heights = [len(result["ways"]) + 2.0 for result in drawn]
    figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * sum(heights)))
    figure.set_layout_engine("constrained", h_pad=0.12)
    grid = figure.add_gridspec(len(drawn), 1, height_ratios=heights)
    for row, result in enumerate(drawn):
        axes = figure.add_subplot(grid[row, 0])
        ways = result["ways"]
        medians = [way["median"] for way in ways.values()]
        axes.barh(
            range(len(ways)),
            medians,
            xerr=_errors(medians, [(way["min"], way["max"]) for way in ways.values()]),
            color=[BLUE if is_chosen(result, name) else GRAY for name in ways],
            error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
        )
        axes.set_yticks(range(len(ways)), list(ways))
        axes.invert_yaxis()
        better = "less" if result["is_less_better"] else "more"
        axes.set_title(f"{result['question']} ({result['unit']}, {better} is better)", fontsize=9)
        _plain(axes)
    _save(figure, "choices")


def draw_peers(result: Result) -> None:
    """Draw how much each server answers of single images."""
    measured = [one for one in result["contenders"] if one.get("median")]
    measured.sort(key=lambda one: -float(one["median"]["calls_per_second"]))
    figure, axes = _bars(len(measured))
    medians = [one["median"]["calls_per_second"] for one in measured]
    axes.barh(
        range(len(measured)),
        medians,
        xerr=_errors(medians, [one["spread"]["calls_per_second"] for one in measured]),
        color=[BLUE if one["name"].startswith("digits") else GRAY for one in measured],
        error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
    )
    axes.set_yticks(range(len(measured)), [one["name"] for one in measured])
    axes.set_xlabel("calls a second, one image each; lines: range of the rounds")
    _save(figure, "peers")


def is_chosen(result: Result, way: str) -> bool:
    """Tell whether a way is the one that the server goes."""
    chosen: str = result["chosen"]
    return way == chosen or way.startswith(f"{chosen}: ") or way.endswith(f": {chosen}")


def _share(figure: Result, value: float) -> float:
    """Return how many times as good as its target a value is."""
    if figure["at_least"] is not None:
        return float(value / figure["at_least"])
    return float(figure["at_most"] / value)


def _errors(medians: Sequence[float], ranges: Sequence[Sequence[float]]) -> list[list[float]]:
    pairs = list(zip(medians, ranges, strict=True))
    return [
        [max(0.0, median - spread[0]) for median, spread in pairs],
        [max(0.0, spread[-1] - median) for median, spread in pairs],
    ]


def _bars(count: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * (count + 2)), layout="constrained")
    axes = figure.add_subplot()
    axes.invert_yaxis()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(figure: Figure, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The same results give the same file: no date, and no random names.
    with mpl.rc_context({"svg.hashsalt": "digits", "svg.fonttype": "path"}):
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None}, facecolor="white")
