"""The images that all contenders are asked for, and the right answers."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.peers.network import THREADS, as_frames, model_folder, temperature
from benchmarks.peers.protocols import Images, Probs, given_digit
from digits_server.models.engine import LiteRtEngine
from digits_server.preprocessing.normalize import normalize

SAMPLES: Final = Path(__file__).parents[2] / "samples"
MANY: Final = 256


class Questions(NamedTuple):
    """Images as the network reads them, and what it answers."""

    images: Images
    probs: Probs


def questions() -> Questions:
    """Return as many as one batch has, from the samples."""
    frames = [
        normalize(np.asarray(Image.open(file).convert("L"), np.uint8))
        for file in sorted(SAMPLES.glob("[0-9]/*.png"))
    ]
    pixels = [np.rint(frame * 255).astype(np.uint8) for frame in frames]
    # The peers frame nothing: only images that digits leaves as they are, too, are the same work.
    same = [image for image in pixels if np.array_equal(normalize(image), image / np.float32(255))]
    images = np.stack([same[place % len(same)] for place in range(MANY)])
    folder = model_folder()
    content = (folder / "model.tflite").read_bytes()
    engine = LiteRtEngine(content, THREADS, temperature(folder))
    return Questions(images, given_digit(engine.predict(as_frames(images)[..., 0])))
