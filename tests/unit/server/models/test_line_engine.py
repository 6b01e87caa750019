"""Reading strips of any width in windows of a few widths."""

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_server.errors import ModelError
from digits_server.models import LINE_FILE, versions
from digits_server.models.line_engine import WINDOWS, LiteRtLineEngine, read_in_windows
from digits_server.preprocessing.strips import STRIP_HEIGHT
from digits_server.settings import SHIPPED_MODELS


def blur_columns(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stand for a network that sees 24 columns to each side of a step's."""
    assert window.shape[1] in WINDOWS
    sums = np.convolve(window.sum(axis=0), np.ones(49), "same")
    return np.repeat(sums[::2, None], 12, axis=1).astype(np.float32)


@pytest.mark.parametrize("width", [1, 30, 79, 80, 81, 159, 160, 161, 272, 273, 300, 1001])
def test_windows_give_what_one_call_would_give(width: int) -> None:
    strip = np.random.default_rng(width).random((STRIP_HEIGHT, width)).astype(np.float32)
    whole = np.convolve(np.pad(strip.sum(axis=0), (0, 200)), np.ones(49), "same")
    read = read_in_windows(strip, blur_columns)
    assert read.shape == ((width + 1) // 2, 12)
    np.testing.assert_allclose(read[:, 0], whole[:width:2], rtol=1e-4)


@pytest.fixture(scope="module")
def content() -> bytes:
    return (SHIPPED_MODELS / str(max(versions(SHIPPED_MODELS))) / LINE_FILE).read_bytes()


def test_the_shipped_network_returns_probabilities(content: bytes) -> None:
    engine = LiteRtLineEngine(content)
    random = np.random.default_rng(1)
    for width in (40, 150, 500):
        probs = engine.predict(random.random((STRIP_HEIGHT, width)).astype(np.float32))
        assert probs.shape == (width // 2, 12)
        assert (probs >= 0).all()
        np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-4)


def test_other_files_are_no_line_networks(content: bytes) -> None:
    folder = SHIPPED_MODELS / str(max(versions(SHIPPED_MODELS)))
    for wrong in (b"", content[:1000], (folder / "model.tflite").read_bytes()):
        with pytest.raises(ModelError, match="line network"):
            LiteRtLineEngine(wrong)
