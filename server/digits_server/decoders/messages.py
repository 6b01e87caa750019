"""What the server and a decoding process send each other, over the process's pipes.

Each message is its length in four bytes, and then its content. The server's side is trusted and
sends a pickle. A decoding process is not, since it parses bytes from strangers: its responses are
JSON and pixels, which can only be wrong.
"""

import json
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
from digits_server.preprocessing.strips import Line

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
                "runs": line.runs.tolist(),
                "boxes": line.boxes.tolist(),
                "heights": line.heights.tolist(),
                "cuts": line.cuts.tolist(),
            }
            for line in frames.lines
        ],
    }
    return b"\n".join((json.dumps(columns).encode(), frames.all_pixels.tobytes()))


def unpack_frames(content: bytes) -> Frames:
    """Return the frames of the images that were done: at least one image.

    Raises:
        ValueError: The response is not valid. So are TypeError, LookupError and OverflowError.
    """
    header, _, pixels = content.partition(b"\n")
    columns = json.loads(header)
    all_pixels = np.frombuffer(pixels, np.float32).reshape(-1, FRAME_SIZE, FRAME_SIZE)
    if not ((all_pixels >= 0) & (all_pixels <= 1)).all():  # and no NaN
        raise ValueError("a frame with invalid pixels")
    start = len(columns["owners"])
    lines: list[Line] = []
    frames = Frames(
        all_pixels[:start],
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
        end = start + len(line["runs"])
        lines.append(_unpack_line(line, all_pixels[start:end], len(frames)))
        start = end
    if start != len(all_pixels):
        raise ValueError("a response with a wrong number of frames")
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
    line = Line(
        pixels,
        np.array(columns["runs"], np.intp),
        np.array(columns["boxes"], np.intp),
        np.array(columns["heights"], np.float64),
        np.array(columns["cuts"], np.bool_),
        int(columns["view"]),
        int(columns["image"]),
    )
    count, last = len(pixels), len(line.cuts) - 1
    has_shapes = (
        line.runs.shape == (count, 2)
        and line.boxes.shape == (count, 4)
        and line.heights.shape == (count,)
        and line.cuts.shape == (last + 1,)
        and count > 0
    )
    if not has_shapes:
        raise ValueError("a line of the wrong shape")
    starts, ends = line.runs.T
    is_valid = (
        0 <= line.image < image_count
        and line.view >= 0
        and (starts >= 0).all()
        and (starts < ends).all()
        and (ends <= last).all()
        and (np.lexsort((ends, starts)) == np.arange(count)).all()
        # Each segment alone is a candidate, so that there is a path.
        and len(np.unique(starts[ends == starts + 1])) == last
        and (line.heights > 0).all()
        and np.isfinite(line.heights).all()
        and _are_boxes(line.boxes)
    )
    if not is_valid:
        raise ValueError("a line with invalid values")
    return line


def _are_boxes(boxes: NDArray[np.intp]) -> bool:
    """Return whether (N, 4) boxes are in an image."""
    return bool((boxes >= 0).all() and (boxes < 2**31).all() and (boxes[:, 2:] > 0).all())
