"""Plots of a run and of an evaluation, in the look of the reports."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits_client.look import LIGHT

_STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": LIGHT.line,
    "axes.labelcolor": LIGHT.faint,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": LIGHT.pressed,
    "legend.frameon": False,
    "savefig.dpi": 110,
    "text.color": LIGHT.text,
    "xtick.color": LIGHT.line,
    "xtick.labelcolor": LIGHT.faint,
    "ytick.color": LIGHT.line,
    "ytick.labelcolor": LIGHT.faint,
}
_MISTAKES: Final = LinearSegmentedColormap.from_list("mistakes", (LIGHT.raised, LIGHT.bad))


@mpl.rc_context(_STYLE)
def save_curves(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Plot accuracy and loss over the epochs.

    Args:
        history: ``accuracy``, ``val_accuracy``, ``loss``, ``val_loss``, one value per epoch.
        path: PNG file to write.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    accuracy, loss = figure.subplots(1, 2)
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name in ((accuracy, "accuracy"), (loss, "loss")):
        axes.plot(epochs, history[name], color=LIGHT.accent, label="training (augmented)")
        axes.plot(epochs, history[f"val_{name}"], color=LIGHT.unsure, label="held out")
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid()
    accuracy.set_title("accuracy")
    loss.set_title("cross-entropy")
    accuracy.legend(loc="lower right")
    # The first epoch would flatten the rest of the curve.
    later = [*history["val_accuracy"][1:], *history["accuracy"][1:]]
    accuracy.set_ylim(bottom=min([0.99, *later]))
    loss.set_ylim(0, max([0.01, *history["loss"][1:], *history["val_loss"][1:]]) * 1.1)
    figure.savefig(path)


@mpl.rc_context(_STYLE)
def save_confusion(counts: NDArray[np.int64], title: str, path: Path) -> None:
    """Plot a confusion matrix whose colors show the mistakes only.

    Args:
        counts: (10, 10), a row per true digit and a column per predicted digit.
        title: Title of the plot.
        path: PNG file to write.
    """
    figure = Figure(figsize=(6.2, 6), layout="constrained")
    axes = figure.subplots()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    # The darkest is above the highest count, so that every number stands out from its ground.
    axes.imshow(mistakes, cmap=_MISTAKES, vmax=max(1, int(mistakes.max())) * 1.8)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column,
            row,
            str(count) if count else "·",
            ha="center",
            va="center",
            color=LIGHT.text if count else LIGHT.faint,
            fontweight="bold" if row == column else "normal",
            fontsize=9,
        )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    axes.set_title(title)
    figure.savefig(path)
