"""The manifest of a model folder."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from digits_server.errors import ModelError

from .files import read_file
from .numbers import PLAIN_WEIGHTS, Weights

MANIFEST_FILE: Final = "manifest.json"
MODEL_FILE: Final = "model.tflite"
MODEL_FILES: Final = {"float32": MODEL_FILE, "int8": "model.int8.tflite"}
"""The file for each precision; a model may have only the one for float32."""
LINE_FILE: Final = "line.tflite"
"""The network that reads lines of digits; a model without it reads single digits only."""
ACCURACY_METRICS: Final = {"float32": "mnist_test_accuracy", "int8": "int8_mnist_test_accuracy"}
"""The metric with each file's accuracy on MNIST's test set."""
LABELS: Final = tuple("0123456789")
# Far above what a network for digits needs: the shipped files take 5 kB, 0.5 MB, 0.1 MB and 1.6 MB.
MAX_MANIFEST_BYTES: Final = 2**18
MAX_FILE_BYTES: Final = 2**24
MAX_FILE_COUNT: Final = 16


@dataclass(frozen=True)
class Manifest:
    """The content of ``manifest.json``."""

    version: str
    """A positive integer in decimal digits, equal to the folder's name."""

    frame_recipe: str
    """The ``FRAME_RECIPE`` that the model was trained with."""

    labels: tuple[str, ...]
    """The digits in the order of the outputs: "0" to "9"."""

    temperature: float
    """Divisor of the logits before the softmax; above 0."""

    rejection_threshold: float
    """Minimum probability of the top digit for the verdict DIGIT, 0 to 1.

    The probability is over all of the model's classes, including "not a digit" if it has that.
    """

    metrics: dict[str, float]
    """Measured at export: ``ACCURACY_METRICS`` of the files and others, as shares of 1."""

    training: dict[str, Any]
    """The training: command, commit, data checksums, settings with the seed."""

    files: dict[str, str]
    """The SHA-256 of each other file in the folder."""

    number_weights: Weights = PLAIN_WEIGHTS
    """What makes the confidence of a number: see ``numbers.Weights``."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check a folder's manifest, and its files against their checksums.

        Raises:
            ModelError: The folder is a link; or the manifest is missing, is not JSON, or has
                unknown or missing fields or a value out of range; or a file is missing,
                altered, or not a regular file of at most ``MAX_FILE_BYTES``.
        """
        if folder.is_symlink():
            raise ModelError(f"{folder} is a link; copy the folder in its place")
        content = read_file(folder / MANIFEST_FILE, MAX_MANIFEST_BYTES)
        try:
            values = json.loads(content)
            weights = values.get("number_weights", PLAIN_WEIGHTS)
            lists = {"labels": tuple(values["labels"]), "number_weights": tuple(weights)}
            manifest = cls(**(values | lists))
            manifest._check_values(folder.name)
        except Exception as error:  # JSON alone raises ValueError, RecursionError, MemoryError
            raise ModelError(
                f"{folder / MANIFEST_FILE} is not a valid manifest: {error}"
            ) from error
        for name in manifest.files:
            manifest.read_file(folder, name)
        return manifest

    def read_file(self, folder: Path, name: str) -> bytes:
        """Return the content of one of the folder's files.

        Raises:
            ModelError: The file is missing, altered, too large, or not a regular file.
        """
        content = read_file(folder / name, MAX_FILE_BYTES)
        if hashlib.sha256(content).hexdigest() != self.files[name]:
            raise ModelError(f"{folder / name} does not match the checksum in its manifest")
        return content

    def write(self, folder: Path) -> None:
        """Write the manifest into its folder."""
        text = json.dumps(dataclasses.asdict(self), indent=2) + "\n"
        (folder / MANIFEST_FILE).write_text(text, "utf-8")

    def _check_values(self, folder_name: str) -> None:
        if self.version != folder_name:
            raise ValueError(f"version {self.version!r} does not match the folder {folder_name!r}")
        if self.labels != LABELS:
            raise ValueError(f"labels are {self.labels}, not the ten digits")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature {self.temperature} is not a finite number above 0")
        if not 0 <= self.rejection_threshold <= 1:
            raise ValueError(f"rejection_threshold {self.rejection_threshold} is not in 0..1")
        weights: Sequence[float] = self.number_weights
        if len(weights) != len(PLAIN_WEIGHTS) or not all(map(math.isfinite, weights)):
            raise ValueError(f"number_weights {weights} are not three finite numbers")
        for name in ("metrics", "files"):  # a list would fail only when it is used
            if not isinstance(getattr(self, name), dict):
                raise TypeError(f"{name} is not an object")
        if len(self.files) > MAX_FILE_COUNT:
            raise ValueError(f"files has more than {MAX_FILE_COUNT} entries")
        for name in self.files:
            if not _is_file_name(name):
                raise ValueError(f"{name!r} in files is not the name of a file in the folder")
        if MODEL_FILE not in self.files:
            raise ValueError(f"files has no {MODEL_FILE}")
        for precision, metric in ACCURACY_METRICS.items():
            if MODEL_FILES[precision] not in self.files:
                continue
            if metric not in self.metrics:
                raise ValueError(f"metrics has no {metric}")
            if not 0 <= self.metrics[metric] <= 1:
                raise ValueError(f"{metric} is not in 0..1")


def _is_file_name(name: str) -> bool:
    """Return whether a name is that of a file directly in a folder on any system, and printable."""
    return name.isprintable() and not set(name) & set("/\\:") and name not in ("", ".", "..")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
