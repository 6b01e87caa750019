"""Pillow images and arrays of pixels, as the messages that carry them.

Apart from ``images``, because NumPy and Pillow take longer to import than everything else that
a client of image files needs.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb

from .errors import InvalidImageError


def to_message(image: object) -> pb.Image:
    """Return the message that carries a Pillow image or an array; see ``images.to_message``.

    Raises:
        InvalidImageError: The Pillow image cannot be decoded, or the array has another shape or
            dtype.
        TypeError: The image is of another type.
    """
    if isinstance(image, Image.Image):
        try:
            return _from_pillow(image)
        except Exception as error:
            # Its file may be decoded only here, and a damaged one can raise anything in a parser.
            raise InvalidImageError(f"the Pillow image cannot be read: {error}") from error
    if isinstance(image, np.ndarray):
        return _from_array(image)
    raise TypeError(f"an image is a path, bytes, a Pillow image or an array, not {image!r}")


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
    if array.ndim == 2 and array.size:
        return _raw(array)
    if array.ndim == 3 and array.size and array.shape[2] in (3, 4):
        return _from_pillow(Image.fromarray(array))
    raise InvalidImageError(
        f"an array of shape {array.shape} is not a valid image: use (H, W) or (H, W, 3 or 4), and "
        "at least one pixel"
    )


def _raw(gray: NDArray[np.uint8]) -> pb.Image:
    height, width = gray.shape
    return pb.Image(raw=pb.RawImage(width=width, height=height, data=gray.tobytes()))
