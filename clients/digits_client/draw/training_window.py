"""The window in which the model learns from the corrections."""

import contextlib
import queue
import tkinter as tk
from collections.abc import Callable
from pathlib import Path
from tkinter import ttk
from typing import Final

from digits import extras

from .corrections import Corrections
from .dialog import Dialog
from .theme import Theme
from .training_run import (
    STEPS,
    Figures,
    Progressed,
    Trained,
    TrainingEvent,
    TrainingFailed,
    TrainingRun,
    has_models,
    models_folder,
)

_POLL_MILLISECONDS: Final = 100
_WIDTH: Final = 420
_EXPLANATION: Final = (
    "The model is trained further on the corrected drawings and on what it knew, which takes some "
    "minutes; closing this window cancels it. The installed model stays as it is, and you can go "
    "back to it."
)


class TrainingWindow(Dialog):
    """Trains, shows the progress and the figures before and after, and switches the model."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        corrections: Corrections,
        models: Path | None,
        on_use: Callable[[Path | None], None] | None,
    ) -> None:
        """Show the window.

        Args:
            parent: The main window.
            theme: The colors, fonts and sizes.
            corrections: What to learn from.
            models: The folder of the model that is used now; None for the installation's.
            on_use: Called with the folder of a model to use; None for the installation's. None if
                the window's server is not its own.
        """
        super().__init__(parent, theme, "Learn from corrections")
        self._corrections, self._models, self._on_use = corrections, models, on_use
        self._events: queue.SimpleQueue[TrainingEvent] = queue.SimpleQueue()
        self._run: TrainingRun | None = None
        width = theme.pixels(_WIDTH)
        gap = theme.gap
        content = self.content
        ttk.Label(content, text=_EXPLANATION, wraplength=width, justify="left").grid(sticky="w")
        self._text = ttk.Label(content, wraplength=width, justify="left", style="Small.TLabel")
        self._bar = ttk.Progressbar(content, maximum=len(STEPS), length=width)
        self._figures = ttk.Frame(content)
        self._bar.grid(row=1, column=0, sticky="ew", pady=(gap, gap / 2))
        self._text.grid(row=2, column=0, sticky="w")
        self._figures.grid(row=3, column=0, sticky="w", pady=gap)
        self._train = ttk.Button(content, text="Train", style="Accent.TButton", command=self.train)
        self._use = ttk.Button(content, command=self.switch)
        self.add_buttons(
            4, self._use, self._train, ttk.Button(content, text="Close", command=self.destroy)
        )
        self.bind("<Destroy>", lambda event: self._cancel() if event.widget is self else None)
        self._show_state()
        self.open()

    @property
    def is_training(self) -> bool:
        """Whether a training is running."""
        return self._run is not None

    @property
    def text(self) -> str:
        """What the window says about the training."""
        return str(self._text.cget("text"))

    def train(self) -> None:
        """Start the training, or cancel it."""
        if self._run is not None:
            self._cancel()
            self._show_state("The training was cancelled.")
            return
        self._run = TrainingRun(self._corrections, self._models, self._events.put)
        self._train.configure(text="Cancel")
        self._poll()

    def switch(self) -> None:
        """Use the trained model, or go back to that of the installation."""
        self._models = None if self._models else models_folder(self._corrections)
        if self._on_use is not None:
            self._on_use(self._models)
        self._show_state()

    def _poll(self) -> None:
        with contextlib.suppress(queue.Empty):
            while self._run is not None:
                self._show(self._events.get_nowait())
        if self._run is not None:
            self.after(_POLL_MILLISECONDS, self._poll)

    def _show(self, event: TrainingEvent) -> None:
        match event:
            case Progressed(step, line):
                self._bar.configure(value=step + 0.5)
                self._text.configure(text=f"{STEPS[step]} …\n{line}")
            case TrainingFailed(reason):
                self._run = None
                self._show_state(reason)
            case Trained(before, after, models):
                self._run = None
                self._bar.configure(value=len(STEPS))
                self._show_figures(before, after)
                self._show_state(f"The new model is in {models}.")

    def _show_figures(self, before: Figures, after: Figures) -> None:
        for child in self._figures.winfo_children():
            child.destroy()
        rows = (
            ("", "before", "after"),
            ("Corrected drawings read right", *map(_drawings, (before, after))),
            ("MNIST test images read right", *(f"{f.mnist_accuracy:.2%}" for f in (before, after))),
        )
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                style = "TLabel" if row and column else "Faint.TLabel"
                ttk.Label(self._figures, text=text, style=style).grid(
                    row=row, column=column, sticky="w", padx=(0, self.theme.pad)
                )

    def _show_state(self, text: str = "") -> None:
        """Show what can be done now, and a sentence on what has happened."""
        try:
            count = sum(1 for _ in self._corrections)
            can_use = self._on_use is not None and has_models(self._corrections)
        except OSError as error:
            count, can_use = 0, False
            text = f"Cannot read {error.filename}: {error.strerror}."
        drawings = "is 1 corrected drawing" if count == 1 else f"are {count} corrected drawings"
        reason = f"There {drawings}."
        can_train = count > 0
        try:
            extras.require("train")
        except extras.MissingExtraError as error:
            reason, can_train = f"The training cannot run: {error}.", False
        self._text.configure(text=text or reason)
        self._train.configure(text="Train")
        self._train.state(["!disabled" if can_train else "disabled"])
        self._use.configure(text="Use the installed model" if self._models else "Use the new model")
        self._use.state(["!disabled" if can_use else "disabled"])
        if not self._run and not text:
            self._bar.configure(value=0)

    def _cancel(self) -> None:
        if self._run is not None:
            self._run.cancel()
            self._run = None


def _drawings(figures: Figures) -> str:
    return f"{figures.right_count} of {figures.count}"
