"""The pictures of the evaluation report, as ``data:`` URLs."""

import base64
import io
from collections.abc import Sequence
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image, ImageOps

from digits_client.look import CHART_ACCENT, CHART_GRAY, CHART_LINE

from .eval_set import EvalSet
from .robustness import CorruptionResult

THUMBNAIL_SIDE: Final = 84


def robustness_chart(results: Sequence[CorruptionResult], baseline: float, lowest: float) -> str:
    """Return a chart of the accuracy over the severities of one corruption.

    Args:
        results: The results of the corruption, in order of severity.
        baseline: Accuracy without corruption.
        lowest: Lowest accuracy under any corruption, for a common axis.
    """
    figure, axes = _chart()
    x = range(1, len(results) + 1)
    axes.axhline(baseline, color=CHART_GRAY, linewidth=1, linestyle="--")
    for color, shares in (
        (CHART_LINE, [result.top_digit_accuracy for result in results]),
        (CHART_ACCENT, [result.accuracy for result in results]),
    ):
        axes.plot(x, shares, color=color, marker="o", markersize=4)
    axes.set_xticks(x, [f"{result.severity:g}" for result in results])
    axes.set_xlabel(results[0].unit, color=CHART_GRAY)
    axes.set_ylim(np.floor(lowest * 10 - 0.2) / 10, 1.02)
    return _svg(figure)


def picture(eval_set: EvalSet, index: int) -> Image.Image:
    """Return an image of a set in its own colors, where browsers can show them."""
    if eval_set.files:
        with Image.open(io.BytesIO(eval_set.files[index])) as image:
            if not image.mode.startswith(("I", "F")):
                return ImageOps.exif_transpose(image.convert("RGBA"))
    return Image.fromarray(eval_set.images[index])


def thumbnail(
    image: Image.Image, name: str, size: tuple[int, int] = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
) -> str:
    """Return an ``img`` element of at most this size; a smaller image shows its pixels."""
    is_small = max(image.size) < THUMBNAIL_SIDE
    small = image.copy()
    small.thumbnail(size)
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    css_class = ' class="small"' if is_small else ""
    return f'<img{css_class} alt="{name}" src="{_data_url("image/png", file.getvalue())}">'


def _chart() -> tuple[Figure, Axes]:
    """Return an empty chart of shares for light and dark pages."""
    figure = Figure(figsize=(3.2, 2.3), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(CHART_GRAY)
    axes.tick_params(colors=CHART_GRAY, labelsize=8)
    axes.grid(color=CHART_GRAY, alpha=0.25)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure, axes


def _svg(figure: Figure) -> str:
    """Return a figure as the URL of an SVG image."""
    file = io.BytesIO()
    # No date and a fixed salt, so that equal data give an equal page.
    with mpl.rc_context({"svg.hashsalt": "digits"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _data_url("image/svg+xml", file.getvalue())


def _data_url(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
