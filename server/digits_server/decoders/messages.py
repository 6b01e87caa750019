"""What the server and a decoding process send each other, over the process's pipes.

Each message is its length in four bytes, and then its content. The server's side is trusted and
sends a pickle. A decoding process is not, since it parses bytes from strangers: its responses are
JSON and pixels, which can only be wrong.
"""

import json
import math
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.framing import Frames, SourceImage
from digits_server.preprocessing.layout import Layout
from digits_server.preprocessing.readings import READINGS
from digits_server.preprocessing.reason import Reason
from digits_server.preprocessing.recipe import FRAME_SIZE
from digits_server.preprocessing.strips import STRIP_HEIGHT, Line

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


def pack_images(images: Sequence[SourceImage], layout: Layout) -> bytes:
    """Return the content of a request."""
    return pickle.dumps((list(images), layout), pickle.HIGHEST_PROTOCOL)


def unpack_images(content: bytes) -> tuple[list[SourceImage], Layout]:
    """Return the images of a request, which comes from the server, and their layout."""
    images, layout = pickle.loads(content)  # noqa: S301 - from the parent process
    return images, layout


def pack_frames(frames: Frames) -> bytes:
    """Return the content of a response."""
    columns = {
        "owners": frames.owners.tolist(),
        "readings": frames.readings.tolist(),
        "boxes": frames.boxes.tolist(),
        "failures": frames.failures.tolist(),
        "unread_pages": frames.unread_pages.tolist(),
        "errors": [[index, error.field, error.reason] for index, error in frames.errors.items()],
        "lines": [
            {
                "image": line.image,
                "view": line.view,
                "columns": line.columns.tolist(),
                "top": line.top,
                "scale": line.scale,
                "image_size": line.image_size,
            }
            for line in frames.lines
        ],
    }
    pixels = [frames.pixels, *(line.strip for line in frames.lines)]
    return b"\n".join((json.dumps(columns).encode(), b"".join(each.tobytes() for each in pixels)))


def unpack_frames(content: bytes) -> Frames:
    """Return the frames of the images that were done: at least one image.

    Raises:
        ValueError: The response is not valid. So are TypeError, LookupError and OverflowError.
    """
    header, _, pixels = content.partition(b"\n")
    columns = json.loads(header)
    all_pixels = np.frombuffer(pixels, np.float32)
    if not ((all_pixels >= 0) & (all_pixels <= 1)).all():  # and no NaN
        raise ValueError("invalid pixels")
    start = len(columns["owners"]) * FRAME_SIZE * FRAME_SIZE
    lines: list[Line] = []
    frames = Frames(
        all_pixels[:start].reshape(-1, FRAME_SIZE, FRAME_SIZE),
        np.array(columns["owners"], np.intp),
        np.array(columns["readings"], np.uint8),
        np.array(columns["boxes"], np.intp).reshape(-1, 4),
        np.array(columns["failures"], np.uint8),
        np.array(columns["unread_pages"], np.uint32),
        {
            int(index): InvalidArgumentError(str(name), str(reason))
            for index, name, reason in columns["errors"]
        },
        lines,
    )
    for line in columns["lines"]:
        end = start + len(line["columns"]) * STRIP_HEIGHT
        lines.append(_unpack_line(line, all_pixels[start:end], len(frames)))
        start = end
    if start != len(all_pixels):
        raise ValueError("a response with a wrong number of pixels")
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
        and frames.boxes.shape == (row_count, 4)
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
        and _are_boxes(frames.boxes)
    )
    if not is_valid:
        raise ValueError("a response with invalid values")


def _unpack_line(columns: dict[str, Any], pixels: NDArray[np.float32], image_count: int) -> Line:
    """Return a line of digits.

    Raises:
        ValueError: It is not valid.
    """
    width, height = map(int, columns["image_size"])
    line = Line(
        pixels.reshape(STRIP_HEIGHT, -1),
        np.array(columns["columns"], np.float64),
        float(columns["top"]),
        float(columns["scale"]),
        (width, height),
        int(columns["view"]),
        int(columns["image"]),
    )
    if line.columns.shape != line.strip.shape[1:] or not len(line.columns):
        raise ValueError("a line of the wrong shape")
    is_valid = (
        0 <= line.image < image_count
        and line.view >= 0
        and np.isfinite(line.columns).all()
        and math.isfinite(line.top)
        and 0 < line.scale < math.inf
        and 0 < width < 2**31
        and 0 < height < 2**31
    )
    if not is_valid:
        raise ValueError("a line with invalid values")
    return line


def _are_boxes(boxes: NDArray[np.intp]) -> bool:
    """Return whether (N, 4) boxes are in an image."""
    return bool((boxes >= 0).all() and (boxes < 2**31).all() and (boxes[:, 2:] > 0).all())
