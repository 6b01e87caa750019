"""Trains the model further on the corrections, in processes of its own. Does not use Tk."""

import contextlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digits_client.client import Client
from digits_client.embedded import embedded_server
from digits_client.errors import DigitsError
from digits_client.results import Verdict

from .corrections import NOT_A_DIGIT, Corrections

COMMAND: Final = (sys.executable, "-P", "-m", "digits_training.cli")
# Lines of the log begin with the time.
_TIME: Final = re.compile(r"^\d\d:\d\d:\d\d ")
STEPS: Final = (
    "Reading the corrections with the present model",
    "Training",
    "Exporting the model",
    "Reading the corrections with the new model",
)


@dataclass(frozen=True)
class Figures:
    """How well a model does."""

    mnist_accuracy: float
    """Accuracy on MNIST's test images, 0 to 1."""
    right_count: int
    """Number of corrected drawings that are read as the person meant them."""
    count: int
    """Number of corrected drawings."""


@dataclass(frozen=True)
class Progressed:
    """A step has begun, or its command has printed a line."""

    step: int
    """Index in STEPS."""
    line: str = ""


@dataclass(frozen=True)
class Trained:
    """The new model is in its folder."""

    before: Figures
    after: Figures
    models: Path
    """The folder of the model folders."""


@dataclass(frozen=True)
class TrainingFailed:
    """There is no new model."""

    reason: str
    """A sentence that can be shown to the user."""


TrainingEvent = Progressed | Trained | TrainingFailed


def models_folder(corrections: Corrections) -> Path:
    """Return the folder of the models that were trained on corrections."""
    return corrections.folder / "models"


def has_models(corrections: Corrections) -> bool:
    """Return whether a model was trained on corrections."""
    return bool(_versions(models_folder(corrections)))


def _versions(models: Path) -> list[int]:
    names = [path.name for path in models.iterdir()] if models.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdigit()]


class _CancelledError(Exception):
    """The run was cancelled."""


class TrainingRun:
    """One run, in a thread; it ends with Trained or TrainingFailed unless it is cancelled."""

    def __init__(
        self,
        corrections: Corrections,
        present_models: Path | None,
        deliver: Callable[[TrainingEvent], None],
    ) -> None:
        """Start the run.

        Args:
            corrections: What to learn from.
            present_models: The folder of the model that is used now; None for the installation's.
            deliver: Receives each event, in the run's thread; it must not block.
        """
        self._corrections = corrections
        self._present_models = present_models
        self._deliver = deliver
        self._process: subprocess.Popen[str] | None = None
        self._is_cancelled = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="digits training", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End the run without waiting for it; no event follows."""
        with self._lock:
            self._is_cancelled = True
            if self._process is not None:
                self._process.terminate()

    def join(self) -> None:
        """Wait for the end of the run."""
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(_CancelledError):
            self._send(self._outcome())

    def _outcome(self) -> Trained | TrainingFailed:
        try:
            with tempfile.TemporaryDirectory(
                prefix="digits-training-", ignore_cleanup_errors=True
            ) as folder:
                return self._train(Path(folder) / "run")
        except subprocess.CalledProcessError as error:
            return TrainingFailed(f"The training failed: {error.output}")
        except (DigitsError, OSError) as error:
            return TrainingFailed(f"The training failed: {error}")

    def _train(self, run: Path) -> Trained:
        """Train, export and compare.

        Raises:
            CalledProcessError: A command failed; ``output`` is the last line that it printed.
            DigitsError: A model cannot be served.
            OSError: A folder cannot be written to, or a command cannot be started.
        """
        models = models_folder(self._corrections)
        folder = str(self._corrections.folder)
        self._send(Progressed(0))
        before, version = self._measure(self._present_models)
        version = max(version, *_versions(models), 0) + 1
        self._call(1, "fit", "--drawings", folder, "--start-from", "shipped", "--run", str(run))
        export = ("--models", str(models), "--version", str(version), "--no-int8")
        self._call(2, "export", str(run), *export)
        self._send(Progressed(3))
        after, _ = self._measure(models)
        return Trained(before, after, models)

    def _call(self, step: int, *arguments: str) -> None:
        self._send(Progressed(step))
        with self._lock:
            if self._is_cancelled:
                raise _CancelledError
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        last = ""
        with self._process as process:
            assert process.stdout is not None  # noqa: S101 - a pipe
            for line in process.stdout:
                last = line.strip() or last
                self._send(Progressed(step, _TIME.sub("", last)))
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, arguments[0], last)

    def _measure(self, models: Path | None) -> tuple[Figures, int]:
        """Return the figures of a model, and its version."""
        options = () if models is None else ("--models-dir", str(models))
        corrections = list(self._corrections)
        right_count = 0
        with embedded_server(*options) as address, Client(address) as client:
            model = client.model()
            for correction in corrections:
                self._check()
                prediction = client.recognize(correction.path)
                is_rejected = prediction.verdict is Verdict.NOT_A_DIGIT
                found = NOT_A_DIGIT if is_rejected else prediction.digit
                right_count += found == correction.label
        figures = Figures(model.mnist_test_accuracy, right_count, len(corrections))
        return figures, int(model.version)

    def _send(self, event: TrainingEvent) -> None:
        self._check()
        self._deliver(event)

    def _check(self) -> None:
        if self._is_cancelled:
            raise _CancelledError
