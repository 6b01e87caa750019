"""The pictures of the report, each as an address that holds the whole of it."""

import base64
import io
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

from .eval_results import Answers
from .eval_sets import Gray

THUMBNAIL_SIDE: Final = 84
BIN_COUNT: Final = 15

# Readable on a light ground and on a dark one: the charts lie on the page's own.
LINE: Final = "#4287d6"
ACCENT: Final = "#d9576b"
GREY: Final = "#808a96"


def draw_reliability(axes: Axes, answers: Answers) -> None:
    """Draw the share that is right over the confidence, bin by bin."""
    confidence, is_right = answers.confidence, answers.digits == answers.labels
    place = np.minimum((confidence * BIN_COUNT).astype(int), BIN_COUNT - 1)
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle="--")
    for which in (place == b for b in np.unique(place)):
        size = 12 + 200 * float(which.mean())
        x, y = confidence[which].mean(), is_right[which].mean()
        axes.scatter(x, y, size, color=LINE, alpha=0.8, clip_on=False)
    axes.set_xlim(0, 1.05)
    axes.set_ylim(0, 1.05)
    axes.xaxis.set_major_formatter(PercentFormatter(1))


def picture(gray: Gray, name: str) -> str:
    """Return an image of at most 84 pixels a side; a smaller one is shown with its pixels."""
    is_small = max(gray.shape) < THUMBNAIL_SIDE
    small = Image.fromarray(gray)
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    kind = ' class="small"' if is_small else ""
    return f'<img{kind} alt="{name}" src="{_address("image/png", file.getvalue())}">'


def chart() -> tuple[Figure, Axes]:
    """Return an empty chart of shares, for light and dark pages."""
    figure = Figure(figsize=(3.2, 2.3), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=GREY, labelsize=8)
    axes.grid(color=GREY, alpha=0.25)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    return figure, axes


def svg(figure: Figure) -> str:
    """Return the address of a chart."""
    file = io.BytesIO()
    # Neither a date nor random names, so that the same figures give the same page.
    with mpl.rc_context({"svg.hashsalt": "digits"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _address("image/svg+xml", file.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
