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

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.framing import Frames, SourceImage
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.recipe import FRAME_SIZE

LENGTH_BYTES: Final = 4


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


def pack_frames(frames: Frames) -> bytes:
    """Return the content of a response."""
    columns = {
        "owners": frames.owners.tolist(),
        "readings": frames.readings.tolist(),
        "failures": frames.failures.tolist(),
        "unread_pages": frames.unread_pages.tolist(),
        "errors": [[index, error.field, error.reason] for index, error in frames.errors.items()],
    }
    return b"\n".join((json.dumps(columns).encode(), frames.pixels.tobytes()))


def unpack_frames(content: bytes) -> Frames:
    """Return the frames of the images that were done: at least one image.

    Raises:
        ValueError: The response is not valid. So are TypeError, LookupError and OverflowError.
    """
    header, _, pixels = content.partition(b"\n")
    columns = json.loads(header)
    frames = Frames(
        np.frombuffer(pixels, np.float32).reshape(-1, FRAME_SIZE, FRAME_SIZE),
        np.array(columns["owners"], np.intp),
        np.array(columns["readings"], np.uint8),
        np.array(columns["failures"], np.uint8),
        np.array(columns["unread_pages"], np.uint32),
        {
            int(index): InvalidArgumentError(str(name), str(reason))
            for index, name, reason in columns["errors"]
        },
    )
    _check(frames)
    return frames


def _check(frames: Frames) -> None:
    """Check what a process that is not trusted has sent.

    Raises:
        ValueError: The columns do not belong together, or have values that cannot be.
    """
    row_count, image_count = len(frames.pixels), len(frames)
    has_shapes = (
        frames.owners.shape == frames.readings.shape == (row_count,)
        and frames.failures.shape == frames.unread_pages.shape == (image_count,)
        and image_count > 0
    )
    if not has_shapes:
        raise ValueError("a response of the wrong shape")
    without_frames = {*frames.errors, *np.flatnonzero(frames.failures).tolist()}
    is_valid = (
        all(0 <= index < image_count for index in without_frames)
        and np.isin(frames.failures, tuple(Reason)).all()
        and (frames.readings < len(READINGS)).all()
        and ((frames.owners >= 0) & (frames.owners < image_count)).all()
        and (np.diff(frames.owners) >= 0).all()
        and without_frames.isdisjoint(frames.owners.tolist())
        and ((frames.pixels >= 0) & (frames.pixels <= 1)).all()  # and no NaN
    )
    if not is_valid:
        raise ValueError("a response with invalid values")
