"""Finding a model folder, and loading it only if it is whole and fit to serve."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from digits_server.engine import DIGIT_COUNT, LiteRtEngine
from digits_server.errors import ModelError
from digits_server.frames import FRAME_RECIPE, make_frame
from digits_server.images import ImageLimits, decode

from .manifest import MODEL_FILE, Manifest

KNOWN_DIGITS: Final = Path(__file__).parent.parent / "known_digits"
# Half of ten plain drawings is far above the one that chance gives, and below what the
# weakest network that is worth comparing with gives.
TRIAL_PASS_COUNT: Final = 5
_TRIAL_LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**20)


@dataclass(frozen=True)
class LoadedModel:
    """A model that has been checked, warmed and tried."""

    manifest: Manifest
    engine: LiteRtEngine


def versions(models_dir: Path) -> list[int]:
    """Return the versions in a folder of models, the highest first.

    Raises:
        ModelError: The folder cannot be read.
    """
    try:
        names = [path.name for path in models_dir.iterdir() if path.is_dir()]
    except OSError as error:
        raise ModelError(f"{models_dir} cannot be read: {error.strerror}") from error
    return sorted((int(name) for name in names if _is_version(name)), reverse=True)


def load(models_dir: Path, version: int, threads: int) -> LoadedModel:
    """Load a version from a folder of models; version 0 means the highest.

    Raises:
        ModelError: There is no such version, or it cannot be served.
    """
    found = versions(models_dir)
    if not found:
        raise ModelError(f"{models_dir} holds no model: no folder in it is named by a number")
    if version and version not in found:
        have = ", ".join(map(str, found))
        raise ModelError(f"{models_dir} has no version {version}; it has {have}")
    return load_folder(models_dir / str(version or found[0]), threads)


def load_folder(folder: Path, threads: int) -> LoadedModel:
    """Load one model folder: checksums, frame recipe, every batch size, a trial.

    Raises:
        ModelError: It is incomplete, altered, made for another frame recipe, not a
            LiteRT model of the right shapes, or it does not know plain digits.
    """
    manifest = Manifest.read(folder)
    if manifest.frame_recipe != FRAME_RECIPE:
        raise ModelError(
            f"{folder} was trained on frames of the recipe {manifest.frame_recipe!r}; "
            f"this server makes {FRAME_RECIPE!r}"
        )
    engine = LiteRtEngine(folder / MODEL_FILE, threads, manifest.temperature)
    _try(engine, folder)
    return LoadedModel(manifest, engine)


def _try(engine: LiteRtEngine, folder: Path) -> None:
    """Ask for ten digits whose answers are known, to catch weights that are not a model's."""
    frames = [
        make_frame(decode((KNOWN_DIGITS / f"{digit}.png").read_bytes(), _TRIAL_LIMITS))
        for digit in range(10)
    ]
    answers = engine.predict(np.stack(frames))[:, :DIGIT_COUNT].argmax(axis=1)
    right_count = int((answers == np.arange(10)).sum())
    if right_count < TRIAL_PASS_COUNT:
        raise ModelError(f"{folder} knows {right_count} of 10 plain digits")


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name)) and int(name) > 0
