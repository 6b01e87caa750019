"""A set of images for evaluation, before normalization."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.preprocessing.decode import ImageLimits, decode

from .datasets import DatasetError, data_folder
from .recordings import NO_WRITING, NOT_A_DIGIT

Gray = NDArray[np.uint8]
Labels = NDArray[np.uint8]

LIMITS: Final = ImageLimits(max_bytes=2**25, max_pixels=2**26)
"""Limits on the size of an image file."""


@dataclass(frozen=True)
class EvalSet:
    """Images with their labels."""

    name: str
    """Identifier: ``mnist``, ``strokes``, ``scenes-border``, ``wild``, ``wild-photo`` ..."""

    title: str
    """Name in tables and reports."""

    images: list[Gray]
    """Images, each (H, W) uint8, of any size."""

    labels: Labels
    """(N,), 0..9, NOT_A_DIGIT or NO_WRITING."""

    files: list[bytes] = field(default_factory=list)
    """The files that the images were decoded from; empty for images that were never files."""

    paths: list[str] = field(default_factory=list)
    """Folder and name of each file; empty for images that have none."""

    @classmethod
    def of_files(
        cls,
        name: str,
        title: str,
        files: list[bytes],
        labels: Labels,
        paths: Sequence[str | Path] = (),
    ) -> Self:
        """Decode image files as the server does.

        Args:
            name: Identifier.
            title: Name in tables and reports.
            files: The files' content.
            labels: (N,) labels.
            paths: The paths of the files, of which the last folder and the name are kept.

        Raises:
            InvalidArgumentError: A file cannot be decoded.
        """
        images = [decode(file, LIMITS).gray for file in files]
        return cls(name, title, images, labels, files, [short_path(path) for path in paths])

    def take(self, name: str, title: str, indices: NDArray[np.intp]) -> Self:
        """Return the images at the given indices, under another name."""
        return replace(
            self,
            name=name,
            title=title,
            images=[self.images[index] for index in indices],
            labels=self.labels[indices],
            files=[self.files[index] for index in indices] if self.files else [],
            paths=[self.paths[index] for index in indices] if self.paths else [],
        )

    def image_name(self, index: int) -> str:
        """Return folder and file of an image, or its place in the set."""
        return self.paths[index] if self.paths else f"image {index}"

    @property
    def has_digits(self) -> bool:
        """True if the set has digits, False if it has only other images."""
        return bool((self.labels < NOT_A_DIGIT).any())

    @property
    def is_blank(self) -> bool:
        """True if the set has only images without writing."""
        return bool((self.labels == NO_WRITING).all())


def short_path(path: str | Path) -> str:
    """Return the last folder and the name of a path."""
    return "/".join(Path(path).parts[-2:])


def load_own_files(data_dir: Path | None, name: str) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Return people's own image files in a folder, and what is known of each.

    ``manifest.jsonl`` has a JSON object per image, with the name of its ``file`` and more.

    Raises:
        DatasetError: The folder or a file is missing, or the manifest is not valid.
    """
    folder = data_folder(data_dir) / name
    try:
        lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        if not rows:
            raise ValueError("the manifest is empty")
        return rows, [(folder / row["file"]).read_bytes() for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{folder} cannot be read as people's own images: {error}") from error
