"""The plots of docs/performance.md, drawn from the result files."""

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
WIDTH_INCHES: Final = 9.0
ROW_INCHES: Final = 0.36

Result = Mapping[str, Any]


def draw_limits(result: Result) -> None:
    """Draw each figure that has a target relative to it: values above 1 meet the target."""
    figures = [
        figure
        for group in result["groups"].values()
        for figure in group
        if figure["is_met"] is not None
    ]
    scores = [
        [_relative_to_target(figure, figure[key]) for key in ("median", "min", "max")]
        for figure in figures
    ]
    _draw_bars(
        "limits",
        [figure["label"].replace("`", "") for figure in figures],
        [score[0] for score in scores],
        [(min(score), max(score)) for score in scores],
        [BLUE if figure["is_met"] else ORANGE for figure in figures],
        "relative to the target; orange: missed; lines: range of the rounds",
        reference=1,
    )


def draw_peers(result: Result) -> None:
    """Draw each server's throughput of single images, relative to the first measured one's."""
    measured = [contender for contender in result["contenders"] if contender.get("median")]
    baseline = float(measured[0]["median"]["calls_per_second"])
    measured.sort(key=lambda contender: -float(contender["median"]["calls_per_second"]))
    _draw_bars(
        "peers",
        [contender["label"] for contender in measured],
        [contender["median"]["calls_per_second"] / baseline for contender in measured],
        [
            (spread[0] / baseline, spread[1] / baseline)
            for spread in (contender["spread"]["calls_per_second"] for contender in measured)
        ],
        [BLUE if contender["key"].startswith("digits") else GRAY for contender in measured],
        "calls per second with one image each, relative to digits; lines: range of the rounds",
    )


def _relative_to_target(figure: Result, value: float) -> float:
    if figure["at_least"] is not None:
        return float(value / figure["at_least"])
    return float(figure["at_most"] / value)


def _draw_bars(
    name: str,
    labels: Sequence[str],
    medians: Sequence[float],
    ranges: Sequence[tuple[float, float]],
    colors: Sequence[str],
    x_label: str,
    reference: float | None = None,
) -> None:
    """Draw a horizontal bar per label and save the plot.

    Args:
        name: Name of the file, without its suffix.
        labels: One per bar, from the top.
        medians: Lengths of the bars.
        ranges: Lowest and highest value of each bar.
        colors: One per bar.
        x_label: Label of the axis.
        reference: Where to draw a vertical line, if anywhere.
    """
    size = (WIDTH_INCHES, ROW_INCHES * (len(labels) + 2))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.invert_yaxis()
    _style(axes)
    axes.barh(
        range(len(labels)),
        medians,
        xerr=[
            [max(0, mid - low) for mid, (low, _) in zip(medians, ranges, strict=True)],
            [max(0, high - mid) for mid, (_, high) in zip(medians, ranges, strict=True)],
        ],
        color=colors,
        error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2},
    )
    if reference is not None:
        axes.axvline(reference, color="#333333", linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(x_label)
    _save(figure, name)


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)


def _save(figure: Figure, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    # The same results give the same file: no date, and no random names.
    with mpl.rc_context({"svg.hashsalt": "digits", "svg.fonttype": "path"}):
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None}, facecolor="white")
