"""Drawings that a person has put right, kept in a folder to learn from. Knows no window.

Each is two files of one name: the image as PNG, and what is known of it as JSON. The JSON
is written last, and whole: a drawing without it is not there.
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

from .strokes import Stroke

_NAME: Final = re.compile(r"(\d{8}T\d{6}-\d{6}-[0-9])(?:-(\d+))?\.json")


@dataclass(frozen=True)
class KeptDrawing:
    """A drawing in the folder."""

    path: Path
    """Of the image."""
    label: int
    """The digit that the person meant."""
    answered: str
    """What the model had said: a digit, ``not_a_digit`` or ``blank``; empty if nothing."""
    model_version: str
    """Of the model that had said it; empty if none."""
    time: datetime
    """When it was kept, in UTC."""
    strokes: tuple[Stroke, ...]
    """As drawn, in the pixels of the image; none for an opened picture."""


def default_folder() -> Path:
    """Return where this system keeps a user's data of this application."""
    return platformdirs.user_data_path("digits", appauthor=False) / "drawings"


class Corrections:
    """The drawings in one folder; made when the first is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __iter__(self) -> Iterator[KeptDrawing]:
        """Yield the drawings, the oldest first; files that are none of ours are passed over."""
        if not self.folder.is_dir():
            return
        names = filter(None, (_NAME.fullmatch(file.name) for file in self.folder.iterdir()))
        for name in sorted(names, key=lambda name: (name[1], int(name[2] or 1))):
            drawing = _read(self.folder / name[0])
            if drawing is not None:
                yield drawing

    def keep(
        self,
        image: Image.Image,
        strokes: Sequence[Stroke],
        label: int,
        *,
        answered: str = "",
        model_version: str = "",
    ) -> KeptDrawing:
        """Put a drawing into the folder.

        Raises:
            OSError: The folder cannot be written to.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        time = datetime.now(UTC)
        path = self._free_path(time.strftime("%Y%m%dT%H%M%S-%f") + f"-{label}")
        drawing = KeptDrawing(path, label, answered, model_version, time, tuple(strokes))
        image.save(path, "PNG")
        part = path.with_suffix(".json.part")
        part.write_text(json.dumps(_as_json(drawing)), "utf-8")
        part.replace(path.with_suffix(".json"))
        return drawing

    def remove(self, drawing: KeptDrawing) -> None:
        """Take a drawing out of the folder, if it is still there.

        Raises:
            OSError: The folder cannot be written to.
        """
        drawing.path.with_suffix(".json").unlink(missing_ok=True)
        drawing.path.unlink(missing_ok=True)

    def _free_path(self, name: str) -> Path:
        number = 1
        path = self.folder / f"{name}.png"
        while path.with_suffix(".json").exists():
            number += 1
            path = self.folder / f"{name}-{number}.png"
        return path


def _as_json(drawing: KeptDrawing) -> dict[str, Any]:
    return {
        "label": drawing.label,
        "answered": drawing.answered,
        "model_version": drawing.model_version,
        "time": drawing.time.isoformat(),
        "strokes": [
            {"points": stroke.points, "width": stroke.width, "erases": stroke.erases}
            for stroke in drawing.strokes
        ],
    }


def _read(file: Path) -> KeptDrawing | None:
    image = file.with_suffix(".png")
    with contextlib.suppress(
        OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError
    ):
        content = json.loads(file.read_text("utf-8"))
        label = int(content["label"])
        if image.is_file() and 0 <= label <= 9:
            return KeptDrawing(
                path=image,
                label=label,
                answered=str(content["answered"]),
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
