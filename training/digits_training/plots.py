"""Plots of a run and of an evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits_client.look import LIGHT

INK = LIGHT.accent
ACCENT = LIGHT.bad


def save_curves(history: Mapping[str, Sequence[float]], path: Path) -> None:
    """Plot accuracy and loss over the epochs.

    Args:
        history: ``accuracy``, ``val_accuracy``, ``loss``, ``val_loss``, one value per epoch.
        path: PNG file to write.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name, label in zip(
        figure.subplots(1, 2), ("accuracy", "loss"), ("accuracy", "cross-entropy"), strict=True
    ):
        axes.plot(epochs, history[name], color=INK, label="training (augmented)")
        axes.plot(epochs, history[f"val_{name}"], color=ACCENT, label="held out")
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    # The first epoch would flatten the rest of the curve.
    accuracy, loss = figure.axes
    accuracy.set_ylim(bottom=min([0.99, *history["val_accuracy"][1:], *history["accuracy"][1:]]))
    loss.set_yscale("log")
    figure.savefig(path, dpi=110)


def save_confusion(counts: NDArray[np.int64], title: str, path: Path) -> None:
    """Plot a confusion matrix whose colors show the mistakes only.

    Args:
        counts: (10, 10), a row per true digit and a column per predicted digit.
        title: Title of the plot.
        path: PNG file to write.
    """
    figure = Figure(figsize=(6.2, 6), layout="constrained")
    axes = figure.subplots()
    mistakes = counts.copy()
    np.fill_diagonal(mistakes, 0)
    axes.imshow(mistakes, cmap=mpl.colormaps["OrRd"], vmax=max(1, int(mistakes.max())))
    for (row, column), count in np.ndenumerate(counts):
        is_right = row == column
        axes.text(
            column,
            row,
            str(count) if count else "·",
            ha="center",
            va="center",
            color=INK if is_right or mistakes[row, column] < mistakes.max() * 0.6 else "white",
            fontweight="bold" if is_right else "normal",
            fontsize=9,
        )
    axes.set_xticks(range(10))
    axes.set_yticks(range(10))
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    axes.set_title(title)
    figure.savefig(path, dpi=110)
