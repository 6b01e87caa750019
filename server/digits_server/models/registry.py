"""Finding model folders, and loading one only if it is complete and fit to serve."""

import logging
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import ModelError
from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.normalize import FRAME_RECIPE, normalize

from .engine import DIGIT_COUNT, Engine, LiteRtEngine
from .line_engine import LineEngine, LiteRtLineEngine
from .line_text import read_text
from .loaded import LoadedModel
from .manifest import LINE_FILE, MODEL_FILES, Manifest

logger = logging.getLogger(__name__)

SELF_TEST_IMAGES: Final = Path(__file__).parent.parent / "self_test_images"
# Half of the ten images is far more than the one expected by chance, and less than the weakest
# network worth a comparison recognizes.
SELF_TEST_PASS_COUNT: Final = 5
_SELF_TEST_LIMITS: Final = ImageLimits(max_bytes=2**20, max_pixels=2**20)


@dataclass(frozen=True)
class Candidate:
    """A version that has been read and checked against its checksums, but not run."""

    path: Path
    """The file of the model, for messages."""
    manifest: Manifest
    precision: str
    """A key of ``MODEL_FILES``."""
    content: bytes
    """Content of the model's file. What is tested is what is served, even if the file changes."""
    line_content: bytes | None
    """Content of the line network's file; None for a model without it."""

    @classmethod
    def read(cls, folder: Path, precision: str) -> Self:
        """Read a folder: check its files and the frame recipe.

        Args:
            folder: Folder of one version.
            precision: A key of ``MODEL_FILES``: which of the model's files to read.

        Raises:
            ModelError: The folder is incomplete, altered or too large, has no file for the
                precision, or was made for another frame recipe.
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
        content = manifest.read_file(folder, file)
        has_line = LINE_FILE in manifest.files
        line_content = manifest.read_file(folder, LINE_FILE) if has_line else None
        return cls(folder / file, manifest, precision, content, line_content)

    def load(self, cores: int) -> LoadedModel:
        """Load the model: run every batch size once, and self-test.

        Args:
            cores: Number of threads that may call the model at the same time, each with an
                engine.

        Raises:
            ModelError: The file is not a LiteRT model of the right shapes, or fails the
                self-test.
        """
        start = time.perf_counter()
        try:
            engines, line_engines = tested_engines(
                self.content, self.line_content, self.manifest.temperature, cores
            )
        except ModelError as error:
            raise self.error(str(error)) from error
        logger.info(
            "model %s (%s) loaded and self-tested in %.0f ms; first call of each batch size: %s",
            self.manifest.version,
            self.precision,
            (time.perf_counter() - start) * 1000,
            ", ".join(
                f"{size}: {s * 1000:.1f} ms" for size, s in engines[0].warm_up_seconds.items()
            ),
        )
        if not line_engines:
            logger.warning("model %s reads single digits only", self.manifest.version)
        return LoadedModel(self.manifest, engines, line_engines, self.precision)

    def error(self, reason: str) -> ModelError:
        """Return the error for a model that cannot be served."""
        return ModelError(f"{self.path} cannot be served: {reason}")


def versions(models_dir: Path) -> list[int]:
    """Return the versions in a models folder, highest first.

    Raises:
        ModelError: The folder cannot be read.
    """
    try:
        with os.scandir(models_dir) as entries:
            names = [entry.name for entry in entries if _is_version(entry.name) and entry.is_dir()]
    except OSError as error:
        raise ModelError(f"{models_dir} cannot be read: {error.strerror}") from error
    return sorted(map(int, names), reverse=True)


def load_folder(folder: Path, cores: int = 1, precision: str = "float32") -> LoadedModel:
    """Load a model folder in this process, which a malformed model can end.

    Args:
        folder: Folder of one version.
        cores: Number of threads that may call the model at the same time, each with an engine.
        precision: A key of ``MODEL_FILES``: which of the model's files to load.

    Raises:
        ModelError: The folder cannot be served.
    """
    return Candidate.read(folder, precision).load(cores)


def tested_engines(
    content: bytes, line_content: bytes | None, temperature: float, count: int
) -> tuple[tuple[LiteRtEngine, ...], tuple[LiteRtLineEngine, ...]]:
    """Return engines of a model that passes the self-test, and of its line network, if any.

    Raises:
        ModelError: The model cannot be run, or fails the self-test.
    """
    line_engines: tuple[LiteRtLineEngine, ...] = ()
    try:
        engines = tuple(LiteRtEngine(content, 1, temperature) for _ in range(count))
        _self_test(engines[0])
        if line_content is not None:
            line_engines = tuple(LiteRtLineEngine(line_content) for _ in range(count))
            _self_test_line(line_engines[0])
    except ModelError:
        raise
    except Exception as error:  # LiteRT raises RuntimeError, ValueError, MemoryError and others
        raise ModelError(f"it cannot be run: {type(error).__name__}: {error}") from error
    return engines, line_engines


def _self_test(engine: Engine) -> None:
    """Check that a model recognizes plain digits, to detect weights that are not a model's."""
    probs = engine.predict(np.stack([normalize(image) for image in _self_test_images()]))
    if not _are_probabilities(probs):
        raise ModelError("its output is not ten to twelve probabilities")
    digits = probs[:, :DIGIT_COUNT].argmax(axis=1)
    correct_count = int((digits == np.arange(10)).sum())
    if correct_count < SELF_TEST_PASS_COUNT:
        raise ModelError(f"it recognizes only {correct_count} of the 10 self-test images")


def _self_test_line(engine: LineEngine) -> None:
    """Check that a line network recognizes plain digits, in strips of five."""
    frames = [normalize(image) for image in _self_test_images()]
    texts = []
    for start in (0, 5):
        probs = engine.predict(np.concatenate(frames[start : start + 5], axis=1))
        if not _are_probabilities(probs):
            raise ModelError("the output of its line network is not twelve probabilities")
        texts += read_text(probs).characters
    missing = Counter(range(DIGIT_COUNT)) - Counter(texts)
    correct_count = DIGIT_COUNT - missing.total()
    if correct_count < SELF_TEST_PASS_COUNT:
        raise ModelError(
            f"its line network recognizes only {correct_count} of the 10 self-test images"
        )


def _self_test_images() -> list[NDArray[np.uint8]]:
    return [
        decode((SELF_TEST_IMAGES / f"{digit}.png").read_bytes(), _SELF_TEST_LIMITS).gray
        for digit in range(DIGIT_COUNT)
    ]


def _are_probabilities(rows: NDArray[np.float32]) -> bool:
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=0.01))


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and name == str(int(name)) and int(name) > 0
