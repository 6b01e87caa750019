"""The kinds of image that a caller may pass, and the messages that carry them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Union

from digits.v1 import recognizer_pb2 as pb

from .errors import DigitsError, InvalidImageError, OverloadedError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

ImageLike = Union[str, os.PathLike[str], bytes, "Image.Image", "NDArray[Any]"]
"""A path, the content of an image file, a Pillow image, or an array of pixels."""

# Fast, and soon done even if each image takes a tenth of a second. A gRPC server accepts messages
# of at most 4 MiB unless configured otherwise.
MAX_BATCH_IMAGES: Final = 64
MAX_BATCH_BYTES: Final = 4 * 2**20 - 2**16


def to_message(image: ImageLike) -> pb.Image:
    """Return the message that carries an image.

    Args:
        image: A path; the content of a PNG, JPEG, WebP, BMP, GIF or TIFF file; a Pillow
            image; or an array: (H, W) of bool or uint8, or (H, W, 3 or 4) of uint8.

    Raises:
        InvalidImageError: The file cannot be read, the Pillow image cannot be decoded, or the
            array has another shape or dtype.
        TypeError: The image is of another type.
    """
    match image:
        case bytes():
            return pb.Image(encoded=image)
        case str() | os.PathLike():
            try:
                return pb.Image(encoded=Path(image).read_bytes())
            except (OSError, ValueError) as error:  # ValueError: a path that contains NUL
                reason = getattr(error, "strerror", None) or error
                raise InvalidImageError(f"{os.fspath(image)} cannot be read: {reason}") from error
        case _:
            from . import pixels  # imported late, see there

            return pixels.to_message(image)


def file_name(image: ImageLike) -> str | None:
    """Return the path of an image that is a file, None for any other."""
    return os.fspath(image) if isinstance(image, str | os.PathLike) else None


def batches(images: Iterable[pb.Image]) -> Iterator[list[pb.Image]]:
    """Split images, in order, into batches that fit into a message of most servers.

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


class Batches:
    """The batches of some images; those that a server rejects are yielded again in parts."""

    def __init__(self, images: Iterable[pb.Image]) -> None:
        """Prepare to split images, which are taken as they are needed."""
        self._batches = batches(images)
        self._pending: list[list[pb.Image]] = []  # the next one last

    def __iter__(self) -> Iterator[list[pb.Image]]:
        """Yield the batches."""
        for batch in self._batches:
            self._pending.append(batch)
            while self._pending:
                yield self._pending.pop()

    def reject(self, batch: list[pb.Image], error: DigitsError) -> list[DigitsError]:
        """Yield the halves of a batch next, because the limits of the server may be lower.

        Args:
            batch: The latest batch, which the server rejected.
            error: The error of the call.

        Returns:
            The results of the batch, which there are only of an image that is too large for a
            message.

        Raises:
            DigitsError: The error itself, if smaller batches would fail too.
        """
        is_too_large = isinstance(error, InvalidImageError) or (
            isinstance(error, OverloadedError) and error.retry_after_seconds is None
        )
        if is_too_large and len(batch) > 1:
            middle = len(batch) // 2
            self._pending += (batch[middle:], batch[:middle])
            return []
        if is_too_large and batch[0].ByteSize() > MAX_BATCH_BYTES:
            return [error]
        raise error
