"""Corrections: drawings with the digit that the person meant, in a folder. Does not use Tk.

Each correction is two files with the same name: the image as PNG, and everything else as
JSON. The JSON file is written last and atomically; without it a correction does not exist.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import platformdirs
from PIL import Image

from digits_client.atomic_file import atomic_write

from .strokes import Stroke

NOT_A_DIGIT: Final = 10
"""The label of a drawing that is not a digit."""
_NAME: Final = re.compile(r"(\d{8}T\d{6}-\d{6}-(?:10|[0-9]))(?:-(\d+))?\.json", re.ASCII)


@dataclass(frozen=True)
class Correction:
    """A drawing with the digit that the person meant."""

    path: Path
    """The image file."""
    label: int
    """The digit that the person meant, or NOT_A_DIGIT."""
    predicted: str
    """The model's prediction: a digit, ``not_a_digit`` or ``blank``; empty if there was none."""
    model_version: str
    """The version of that model; empty if there was no prediction."""
    time: datetime
    """The time of the correction, in UTC."""
    strokes: tuple[Stroke, ...]
    """The strokes, in pixels of the image; empty for an opened picture."""


def default_folder() -> Path:
    """Return the folder for corrections in the user's data folder of this system."""
    return platformdirs.user_data_path("digits", appauthor=False) / "drawings"


class Corrections:
    """The corrections in one folder, which is created when the first is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __iter__(self) -> Iterator[Correction]:
        """Yield the corrections, the oldest first; skip incomplete ones and other files.

        Raises:
            OSError: The folder cannot be read.
        """
        if not self.folder.is_dir():
            return
        names = filter(None, (_NAME.fullmatch(file.name) for file in self.folder.iterdir()))
        for name in sorted(names, key=lambda name: (name[1], int(name[2] or 1))):
            correction = _read(self.folder / name[0])
            if correction is not None:
                yield correction

    def add(
        self,
        image: Image.Image,
        strokes: Sequence[Stroke],
        label: int,
        *,
        predicted: str = "",
        model_version: str = "",
    ) -> Correction:
        """Write a correction to the folder.

        Args:
            image: The drawing.
            strokes: The strokes, in pixels of the image; empty for an opened picture.
            label: The digit that the person meant, or NOT_A_DIGIT.
            predicted: The prediction: a digit, ``not_a_digit`` or ``blank``; empty if none.
            model_version: The version of the model that made the prediction; empty if none.

        Raises:
            OSError: The folder cannot be created or written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        time = datetime.now(UTC)
        path = self._free_path(time.strftime("%Y%m%dT%H%M%S-%f") + f"-{label}")
        correction = Correction(path, label, predicted, model_version, time, tuple(strokes))
        with atomic_write(path) as file:
            image.save(file, "PNG")
        with atomic_write(path.with_suffix(".json")) as file:
            file.write(json.dumps(_to_json(correction)).encode())
        return correction

    def find(self, name: str) -> Correction | None:
        """Return the correction whose files have a name, without its suffix; None without one."""
        if not _NAME.fullmatch(f"{name}.json"):
            return None
        return _read(self.folder / f"{name}.json")

    def remove(self, correction: Correction) -> None:
        """Delete a correction from the folder, if it is still there.

        Raises:
            OSError: The folder cannot be written to.
        """
        correction.path.with_suffix(".json").unlink(missing_ok=True)
        correction.path.unlink(missing_ok=True)

    def _free_path(self, name: str) -> Path:
        number = 1
        path = self.folder / f"{name}.png"
        while path.with_suffix(".json").exists():
            number += 1
            path = self.folder / f"{name}-{number}.png"
        return path


def _to_json(correction: Correction) -> dict[str, Any]:
    return {
        "label": correction.label,
        "answered": correction.predicted,  # the key in existing files
        "model_version": correction.model_version,
        "time": correction.time.isoformat(),
        "strokes": [
            {"points": stroke.points, "width": stroke.width, "erases": stroke.erases}
            for stroke in correction.strokes
        ],
    }


def _read(file: Path) -> Correction | None:
    """Return the correction in a JSON file, or None if it is incomplete or damaged."""
    image = file.with_suffix(".png")
    with contextlib.suppress(
        OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError
    ):
        content = json.loads(file.read_text("utf-8"))
        label = int(content["label"])
        if image.is_file() and 0 <= label <= NOT_A_DIGIT:
            return Correction(
                path=image,
                label=label,
                predicted=str(content["answered"]),
                model_version=str(content["model_version"]),
                time=datetime.fromisoformat(content["time"]),
                strokes=tuple(
                    Stroke(
                        tuple((float(x), float(y)) for x, y in stroke["points"]),
                        float(stroke["width"]),
                        bool(stroke["erases"]),
                    )
                    for stroke in content["strokes"]
                ),
            )
    return None
