"""The images that every contender gets, and the probabilities that it must return."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.limits.in_process import shipped_engine
from benchmarks.limits.payloads import mnist_like
from benchmarks.peers.network import network_input
from benchmarks.peers.protocols import Images, Probs, digit_probs

SAMPLES: Final = Path(__file__).parents[2] / "samples"
BATCH_SIZE: Final = 256


class Reference(NamedTuple):
    """Images as the network reads them, and its probabilities for them."""

    images: Images
    probs: Probs


def make_reference() -> Reference:
    """Return BATCH_SIZE images from the samples.

    The peers do not normalize. So that all do the same work, the images are those that the
    normalization of digits does not change.
    """
    files = sorted(SAMPLES.glob("[0-9]/*.png"))
    different = mnist_like(np.asarray(Image.open(file).convert("L"), np.uint8) for file in files)
    images = np.stack([different[index % len(different)] for index in range(BATCH_SIZE)])
    probs = shipped_engine().predict(network_input(images)[..., 0])
    return Reference(images, digit_probs(probs))
