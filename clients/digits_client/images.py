"""What a caller may hand over as an image, and the message that carries it."""

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
"""A path, a file's content, a Pillow image, or an array of pixels."""

# A message of 64 images already costs next to nothing an image, and one of 4 MiB is the
# most that a gRPC server accepts unless it was told otherwise.
MAX_BATCH_IMAGES: Final = 64
MAX_BATCH_BYTES: Final = 4 * 2**20 - 2**16


def message(image: ImageLike) -> pb.Image:
    """Return the message that carries an image.

    Args:
        image: A path; the content of a PNG, JPEG, WebP, BMP, GIF or TIFF file; a Pillow
            image; or an array: (H, W) of bool or uint8, or (H, W, 3 or 4) of uint8.

    Raises:
        InvalidImageError: The file cannot be read, or the array is none of these.
        TypeError: It is of another type.
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
            return _of_pillow(image)
        case np.ndarray():
            return _of_array(image)
        case _:
            raise TypeError(f"an image is a path, bytes, a Pillow image or an array, not {image!r}")


def messages(images: Iterable[pb.Image]) -> Iterator[list[pb.Image]]:
    """Cut images into messages of a size that every server accepts, in their order."""
    gathered: list[pb.Image] = []
    byte_count = 0
    for image in images:
        size = image.ByteSize()
        if gathered and (len(gathered) == MAX_BATCH_IMAGES or byte_count + size > MAX_BATCH_BYTES):
            yield gathered
            gathered, byte_count = [], 0
        gathered.append(image)
        byte_count += size
    if gathered:
        yield gathered


def _of_pillow(image: Image.Image) -> pb.Image:
    if image.mode == "L" and not image.has_transparency_data:
        return _raw(np.asarray(image))
    if image.mode in ("1", "LA", "P", "RGB", "RGBA", "I;16"):
        file_format = "PNG"
    elif image.mode.startswith(("I", "F")):
        file_format = "TIFF"  # PNG has no place for deep gray, and 8 bits would clip it
    else:
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        file_format = "PNG"
    buffer = io.BytesIO()
    image.save(buffer, file_format, compress_level=1)  # for PNG: large is fast
    return pb.Image(encoded=buffer.getvalue())


def _of_array(array: NDArray[Any]) -> pb.Image:
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if array.dtype != np.uint8:
        raise InvalidImageError(f"an array of {array.dtype} is no image: bool or uint8 is needed")
    if array.ndim == 2:
        return _raw(array)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        return _of_pillow(Image.fromarray(array))
    raise InvalidImageError(
        f"an array of shape {array.shape} is no image: (H, W) or (H, W, 3 or 4)"
    )


def _raw(gray: NDArray[np.uint8]) -> pb.Image:
    height, width = gray.shape
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))
