"""Finding model folders, and loading one only if it is complete and fit to serve."""

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
from .manifest import MODEL_FILES, Manifest

logger = logging.getLogger(__name__)

SELF_TEST_IMAGES: Final = Path(__file__).parent.parent / "self_test_images"
# Half of the ten images is far more than the one expected by chance, and less than the weakest
# network worth a comparison recognizes.
SELF_TEST_PASS_COUNT: Final = 5
_SELF_TEST_LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**20)


def versions(models_dir: Path) -> list[int]:
    """Return the versions in a models folder, highest first.

    Raises:
        ModelError: The folder cannot be read.
    """
    try:
        names = [path.name for path in models_dir.iterdir() if path.is_dir()]
    except OSError as error:
        raise ModelError(f"{models_dir} cannot be read: {error.strerror}") from error
    return sorted((int(name) for name in names if _is_version(name)), reverse=True)


def load_folder(folder: Path, cores: int = 1, precision: str = "float32") -> LoadedModel:
    """Load a model folder: check files and frame recipe, warm up every batch size, self-test.

    Args:
        folder: Folder of one version.
        cores: Number of threads that may call the model at the same time, each with an engine.
        precision: A key of ``MODEL_FILES``: which of the model's files to load.

    Raises:
        ModelError: The folder is incomplete or altered, has no file for the precision, was made
            for another frame recipe, is not a LiteRT model of the right shapes, or fails the
            self-test.
    """
    manifest = Manifest.read(folder)
    if manifest.frame_recipe != FRAME_RECIPE:
        raise ModelError(
            f"{folder} was trained with the frame recipe {manifest.frame_recipe!r}; "
            f"this server uses {FRAME_RECIPE!r}"
        )
    file = MODEL_FILES[precision]
    if file not in manifest.files:
        raise ModelError(f"{folder} has no {file}, so it cannot be served in {precision}")
    start = time.perf_counter()
    # The bytes that are checked are the bytes that are loaded, even if the file changes meanwhile.
    content = manifest.read_file(folder, file)
    try:
        engines = tuple(LiteRtEngine(content, 1, manifest.temperature) for _ in range(cores))
        _self_test(engines[0])
    except ModelError as error:
        raise ModelError(f"{folder / file} cannot be served: {error}") from error
    logger.info(
        "model %s (%s) loaded and self-tested in %.0f ms; first call of each batch size: %s",
        manifest.version,
        precision,
        (time.perf_counter() - start) * 1000,
        ", ".join(f"{size}: {s * 1000:.1f} ms" for size, s in engines[0].warm_up_seconds.items()),
    )
    return LoadedModel(manifest, engines, precision)


def _self_test(engine: Engine) -> None:
    """Check that a model recognizes plain digits, to detect weights that are not a model's."""
    frames = [
        normalize(decode((SELF_TEST_IMAGES / f"{digit}.png").read_bytes(), _SELF_TEST_LIMITS))
        for digit in range(10)
    ]
    digits = engine.predict(np.stack(frames))[:, :DIGIT_COUNT].argmax(axis=1)
    correct_count = int((digits == np.arange(10)).sum())
    if correct_count < SELF_TEST_PASS_COUNT:
        raise ModelError(f"it recognizes only {correct_count} of the 10 self-test images")


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name)) and int(name) > 0
