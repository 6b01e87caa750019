"""The folder of a run that is not finished, from which it can be resumed.

What only a resumed run needs is in the sub-folder ``unfinished``, and removed at the end.
"""

import contextlib
import dataclasses
import logging
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from . import record
from .errors import TrainingError
from .file_lock import try_lock
from .record import RunRecord
from .settings import FitSettings

UNFINISHED: Final = "unfinished"

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a path with the same ending to write to, which then replaces ``path`` in one step.

    A process that is killed meanwhile leaves the file as it was.
    """
    part = path.with_name(f".part-{path.name}")
    yield part
    part.replace(path)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as an .npz file in one step."""
    with replace_file(path) as part:
        np.savez(part, **arrays)  # type: ignore[arg-type]  # the stubs confuse them with an option


def stored_settings(run_dir: Path) -> FitSettings | None:
    """Return the settings of the run in a folder, finished or not, or None if it has none.

    Raises:
        TrainingError: The run was made by a version with other settings.
    """
    stored = RunRecord.load(run_dir) or RunRecord.load(run_dir / UNFINISHED)
    if stored is None:
        return None
    try:
        return FitSettings(**stored.settings)
    except TypeError as error:
        raise TrainingError(
            f"{run_dir} holds a run of another version of digits; choose another folder"
        ) from error


class RunFolder:
    """A run's folder while the run is trained, locked against a second process.

    Example:
        with RunFolder(run_dir, settings, data_dir) as folder:
            ...  # work, and call folder.save_time() after each step that is saved
            folder.finish(epochs=36, validation_accuracy=0.997)
    """

    def __init__(self, run_dir: Path, settings: FitSettings, data_dir: Path | None) -> None:
        """Start a run, or resume the one in the folder.

        Raises:
            TrainingError: The folder holds another run or a finished one, or another process
                trains in it.
        """
        self.path = run_dir
        self.unfinished = run_dir / UNFINISHED
        self._check_settings(settings)
        self.unfinished.mkdir(parents=True, exist_ok=True)
        self._lock = (self.unfinished / "lock").open("w")
        try:
            self._take_lock()
            self._record = self._start_or_resume(settings, data_dir)
        except BaseException:
            self._lock.close()
            raise
        self._saved_at = time.monotonic()

    def _take_lock(self) -> None:
        if not try_lock(self._lock):
            raise TrainingError(f"another process is training in {self.path}")

    def _check_settings(self, settings: FitSettings) -> None:
        stored = stored_settings(self.path)
        if stored is None:
            return
        changed = [
            f"{field.name} {getattr(stored, field.name)!r}, not {getattr(settings, field.name)!r}"
            for field in dataclasses.fields(FitSettings)
            if getattr(stored, field.name) != getattr(settings, field.name)
        ]
        if changed:
            raise TrainingError(
                f"{self.path} holds a run with other settings ({'; '.join(changed)}); "
                "choose another folder"
            )
        if RunRecord.load(self.path):
            raise TrainingError(
                f"{self.path} holds a finished run; choose another folder, or delete it"
            )

    def _start_or_resume(self, settings: FitSettings, data_dir: Path | None) -> RunRecord:
        new = RunRecord(
            command=record.command_line(),
            commit=record.commit(),
            data=record.checksums(settings, data_dir),
            settings=dataclasses.asdict(settings),
            versions=record.versions(),
            epochs=0,
            seconds=0,
            validation_accuracy=0,
        )
        stored = RunRecord.load(self.unfinished)
        if stored is None:
            self._save(new, self.unfinished)
            return new
        if stored.data != new.data:
            raise TrainingError(f"the data sets have changed since the run in {self.path} began")
        if stored.commit != new.commit:
            logger.warning("The run began with the source at %s", stored.commit)
        logger.info("Resuming the run in %s", self.path)
        return stored

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()  # first, because Windows removes no file that is open
        # A run that failed before it saved anything, such as one with a wrong option, leaves
        # nothing that would refuse the corrected one.
        if self.unfinished.is_dir() and not any(self.unfinished.glob("*.npz")):
            shutil.rmtree(self.unfinished)

    def save_time(self) -> None:
        """Add the time since the last call to the duration of the run."""
        now = time.monotonic()
        seconds = round(self._record.seconds + now - self._saved_at, 1)
        self._saved_at = now
        self._record = dataclasses.replace(self._record, seconds=seconds)
        self._save(self._record, self.unfinished)

    def finish(self, epochs: int, validation_accuracy: float) -> None:
        """Write the record of the finished run, and remove what only a resumed one needs."""
        self.save_time()
        finished = dataclasses.replace(
            self._record, epochs=epochs, validation_accuracy=validation_accuracy
        )
        self._save(finished, self.path)
        self._lock.close()
        shutil.rmtree(self.unfinished)

    def _save(self, run: RunRecord, folder: Path) -> None:
        with replace_file(folder / record.RECORD_FILE) as part:
            run.save(part)
