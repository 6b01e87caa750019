"""What the server and a decoding process send each other, over the process's pipes.

Each message is its length in four bytes, and then its content. The server's side is trusted and
sends a pickle. A decoding process is not, since it parses bytes from strangers: its responses are
JSON and pixels, which can only be wrong.
"""

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.framing import SourceImage
from digits_server.preprocessing.normalize import FRAME_SIZE

LENGTH_BYTES: Final = 4

Outcome = NDArray[np.float32] | InvalidArgumentError
"""The (28, 28) frame of an image, or what is wrong with it."""


@dataclass(frozen=True)
class DecoderSettings:
    """The limits of a decoding process."""

    max_bytes: int
    """Size of an encoded image."""
    max_pixels: int
    """Width times height."""
    memory_bytes: int
    """Memory for one image, above what the process needs at rest."""
    image_seconds: float
    """CPU time for one image; the process ends if it takes longer."""
    group_seconds: float
    """CPU time after which the rest of a request is returned undone."""


def with_length(content: bytes) -> bytes:
    """Return a message."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def pack_images(images: Sequence[SourceImage]) -> bytes:
    """Return the content of a request."""
    return pickle.dumps(list(images), pickle.HIGHEST_PROTOCOL)


def unpack_images(content: bytes) -> list[SourceImage]:
    """Return the images of a request, which comes from the server."""
    images: list[SourceImage] = pickle.loads(content)  # noqa: S301 - from the parent process
    return images


def pack_outcomes(outcomes: Sequence[Outcome]) -> bytes:
    """Return the content of a response."""
    errors = [
        [outcome.field, outcome.reason] if isinstance(outcome, InvalidArgumentError) else None
        for outcome in outcomes
    ]
    frames = [outcome.tobytes() for outcome in outcomes if isinstance(outcome, np.ndarray)]
    return b"\n".join((json.dumps(errors).encode(), b"".join(frames)))


def unpack_outcomes(content: bytes) -> list[Outcome]:
    """Return the outcome of each image that was done, in order.

    Raises:
        ValueError: The response is not valid.
    """
    header, _, pixels = content.partition(b"\n")
    frames = np.frombuffer(pixels, np.float32).reshape(-1, FRAME_SIZE, FRAME_SIZE)
    errors = json.loads(header)
    if not isinstance(errors, list) or not errors or errors.count(None) != len(frames):
        raise ValueError("a response of the wrong shape")
    remaining = iter(frames)
    return [
        next(remaining) if error is None else InvalidArgumentError(str(error[0]), str(error[1]))
        for error in errors
    ]
