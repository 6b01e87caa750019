"""The kinds of image that a caller may pass, and the messages that carry them."""

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb

from .errors import InvalidImageError

ImageLike = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A path, the content of an image file, a Pillow image, or an array of pixels."""

# With 64 images per message, the overhead per image is already negligible. A gRPC server
# accepts messages of at most 4 MiB unless configured otherwise.
MAX_BATCH_IMAGES: Final = 64
MAX_BATCH_BYTES: Final = 4 * 2**20 - 2**16


def to_message(image: ImageLike) -> pb.Image:
    """Return the message that carries an image.

    Args:
        image: A path; the content of a PNG, JPEG, WebP, BMP, GIF or TIFF file; a Pillow
            image; or an array: (H, W) of bool or uint8, or (H, W, 3 or 4) of uint8.

    Raises:
        InvalidImageError: The file cannot be read, or the array has another shape or dtype.
        TypeError: The image is of another type.
    """
    match image:
        case bytes():
            return pb.Image(encoded=image)
        case str() | os.PathLike():
            try:
                return pb.Image(encoded=Path(image).read_bytes())
            except OSError as error:
                reason = error.strerror or str(error)
                raise InvalidImageError(f"cannot be read: {reason}") from error
        case Image.Image():
            return _from_pillow(image)
        case np.ndarray():
            return _from_array(image)
        case _:
            raise TypeError(f"an image is a path, bytes, a Pillow image or an array, not {image!r}")


def batches(images: Iterable[pb.Image]) -> Iterator[list[pb.Image]]:
    """Split images, in order, into batches that fit into a message of every server.

    An image that is larger than ``MAX_BATCH_BYTES`` is a batch by itself.
    """
    batch: list[pb.Image] = []
    byte_count = 0
    for image in images:
        size = image.ByteSize()
        if batch and (len(batch) == MAX_BATCH_IMAGES or byte_count + size > MAX_BATCH_BYTES):
            yield batch
            batch, byte_count = [], 0
        batch.append(image)
        byte_count += size
    if batch:
        yield batch


def _from_pillow(image: Image.Image) -> pb.Image:
    if image.mode == "L" and not image.has_transparency_data:
        return _raw(np.asarray(image))
    if image.mode in ("1", "LA", "P", "RGB", "RGBA", "I;16"):
        file_format = "PNG"
    elif image.mode.startswith(("I", "F")):
        file_format = "TIFF"  # PNG cannot store these depths, and 8 bits would clip them
    else:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        file_format = "PNG"
    buffer = io.BytesIO()
    image.save(buffer, file_format, compress_level=1)  # for PNG: fast, if larger
    return pb.Image(encoded=buffer.getvalue())


def _from_array(array: NDArray[Any]) -> pb.Image:
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if array.dtype != np.uint8:
        raise InvalidImageError(
            f"an array of {array.dtype} is not a valid image: use bool or uint8"
        )
    if array.ndim == 2:
        return _raw(array)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        return _from_pillow(Image.fromarray(array))
    raise InvalidImageError(
        f"an array of shape {array.shape} is not a valid image: use (H, W) or (H, W, 3 or 4)"
    )


def _raw(gray: NDArray[np.uint8]) -> pb.Image:
    height, width = gray.shape
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))
