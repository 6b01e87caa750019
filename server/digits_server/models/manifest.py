"""What a model folder says of itself."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from digits_server.errors import ModelError

MANIFEST_FILE: Final = "manifest.json"
MODEL_FILE: Final = "model.tflite"
LABELS: Final = tuple("0123456789")


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``."""

    version: str
    """A whole number above 0 in decimal digits: the folder's name."""

    frame_recipe: str
    """The ``FRAME_RECIPE`` that the model was trained with."""

    labels: tuple[str, ...]
    """What each of its outputs stands for."""

    temperature: float
    """By which the logits are divided before the softmax; above 0."""

    rejection_threshold: float
    """The least probability, 0 to 1, of the likeliest digit at which the ink counts as it.

    Of all that the model tells apart, what is no digit included, where it knows that.
    """

    metrics: dict[str, float]
    """Measured when it was exported: ``mnist_test_accuracy`` and others, shares of 1."""

    training: dict[str, Any]
    """How it was trained: command, commit, data checksums, settings with the seed."""

    files: dict[str, str]
    """The SHA-256 of each other file in the folder."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check a folder's manifest, and its files against their checksums.

        Raises:
            ModelError: The manifest is missing, not JSON, has other fields than these or
                values out of their range, or a file is missing or altered.
        """
        try:
            values = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
            manifest = cls(**(values | {"labels": tuple(values["labels"])}))
            manifest._check_values(folder.name)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{folder / MANIFEST_FILE} is not a manifest: {error}") from error
        for name in manifest.files:
            manifest.content(folder, name)
        return manifest

    def content(self, folder: Path, name: str) -> bytes:
        """Return what is in one of the folder's files.

        Raises:
            ModelError: The file is missing, or altered.
        """
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise ModelError(f"{folder / name} cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != self.files[name]:
            raise ModelError(f"{folder / name} is not the file that its manifest names")
        return content

    def write(self, folder: Path) -> None:
        """Write the manifest into its folder."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        (folder / MANIFEST_FILE).write_text(text, "utf-8")

    def _check_values(self, folder_name: str) -> None:
        if self.version != folder_name:
            raise ValueError(f"version {self.version!r} is in the folder {folder_name!r}")
        if self.labels != LABELS:
            raise ValueError(f"labels are {self.labels}, not the ten digits")
        if not self.temperature > 0:
            raise ValueError(f"temperature {self.temperature} is not above 0")
        if not 0 <= self.rejection_threshold <= 1:
            raise ValueError(f"rejection_threshold {self.rejection_threshold} is not in 0..1")
        for name in ("metrics", "files"):  # a list would pass for either until it is used
            if not isinstance(getattr(self, name), dict):
                raise TypeError(f"{name} are not an object")
        if "mnist_test_accuracy" not in self.metrics:
            raise ValueError("metrics have no mnist_test_accuracy")
        if not 0 <= self.metrics["mnist_test_accuracy"] <= 1:
            raise ValueError("mnist_test_accuracy is not in 0..1")
        if MODEL_FILE not in self.files:
            raise ValueError(f"files have no {MODEL_FILE}")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
