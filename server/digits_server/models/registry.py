"""Finding a model folder, and loading it only if it is whole and fit to serve."""

import logging
import time
from pathlib import Path
from typing import Final

import numpy as np

from digits_server.errors import ModelError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import FRAME_RECIPE, normalize

from .engine import DIGIT_COUNT, Engine, LiteRtEngine
from .loaded import LoadedModel
from .manifest import MODEL_FILE, Manifest

logger = logging.getLogger(__name__)

SELF_TEST_IMAGES: Final = Path(__file__).parent.parent / "self_test_images"
# Half of ten plain drawings is far above the one that chance gives, and below what the
# weakest network that is worth comparing with gives.
TRIAL_PASS_COUNT: Final = 5
_TRIAL_LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**20)


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
    # What is checked is what is loaded, whatever becomes of the file meanwhile.
    began = time.perf_counter()
    content = manifest.content(folder, MODEL_FILE)
    try:
        engine = LiteRtEngine(content, threads, manifest.temperature)
        _try(engine)
    except ModelError as error:
        raise ModelError(f"{folder / MODEL_FILE} cannot be served: {error}") from error
    logger.info(
        "model %s loaded and tried in %.0f ms; the first call of each batch size took %s",
        manifest.version,
        (time.perf_counter() - began) * 1000,
        ", ".join(f"{size}: {took * 1000:.1f} ms" for size, took in engine.warm_up_seconds.items()),
    )
    return LoadedModel(manifest, engine)


def _try(engine: Engine) -> None:
    """Ask for ten digits whose answers are known, to catch weights that are not a model's."""
    frames = [
        normalize(decode((SELF_TEST_IMAGES / f"{digit}.png").read_bytes(), _TRIAL_LIMITS))
        for digit in range(10)
    ]
    answers = engine.predict(np.stack(frames))[:, :DIGIT_COUNT].argmax(axis=1)
    right_count = int((answers == np.arange(10)).sum())
    if right_count < TRIAL_PASS_COUNT:
        raise ModelError(f"it knows {right_count} of 10 plain digits")


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name)) and int(name) > 0
