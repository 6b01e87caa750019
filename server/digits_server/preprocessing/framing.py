"""From the images of a request to the frames that the network reads."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError

from .decode import ImageLimits, decode, from_raw
from .fast_png import fast_png_size
from .normalize import FRAME_SIZE, normalize_batch

# Decoding and normalizing so much takes as long as a network's call for one image, about a tenth
# of a millisecond.
_PIXELS_PER_COST: Final = 16_384
_ENCODED_BYTES_PER_COST: Final = 1024
# Larger images take tens of milliseconds, and much memory.
_MAX_RAW_PIXELS: Final = 2**20
# The first bytes of the formats that are decoded. Anything else is rejected at a glance.
_FORMAT_STARTS: Final = (b"\x89PNG", b"\xff\xd8", b"RIFF", b"BM", b"GIF8", b"II", b"MM")


class EncodedImage(NamedTuple):
    """An image file."""

    content: bytes
    """In one of the formats that ``decode`` accepts."""


class RawImage(NamedTuple):
    """Gray pixels that need no decoding."""

    width: int
    height: int
    pixels: bytes
    """Row by row from the top left, one byte per pixel, 0 black and 255 white."""


SourceImage: TypeAlias = EncodedImage | RawImage | None
"""An image as the caller sent it, not checked yet; None if the caller left it out."""

Images: TypeAlias = Sequence[SourceImage] | NDArray[Any]
"""The images of a request: each as the caller sent it, one (N, H, W) uint8 tensor of gray images,
or one (N, 28, 28) float32 array of frames."""


class Frames(NamedTuple):
    """The frames of a request's images."""

    pixels: NDArray[np.float32]
    """(R, 28, 28) in 0..1."""
    owners: NDArray[np.intp]
    """(R,) the index of the image that each frame shows."""
    errors: Mapping[int, InvalidArgumentError]
    """What is wrong with each image that has no frame, by its index."""


class Work(NamedTuple):
    """How much work the images of a request are."""

    byte_count: int
    """Size of the images as they were sent."""
    cost: int
    """Estimated time, in calls of a network for one image."""
    is_plain: bool
    """Whether it cannot take far longer or much memory: raw pixels and PNG of moderate size."""


def to_frames(images: Images, limits: ImageLimits) -> Frames:
    """Decode and normalize images. An invalid image has an error in place of a frame."""
    if isinstance(images, np.ndarray):
        frames = images if images.dtype == np.float32 else normalize_batch(images)
        return Frames(frames, np.arange(len(images)), {})
    is_frame_accepted = limits.max_pixels >= FRAME_SIZE * FRAME_SIZE
    if len(images) > 1 and is_frame_accepted and all(map(_is_frame_sized, images)):
        return to_frames(_to_tensor(images), limits)
    grays, owners, errors = [], [], {}
    for index, image in enumerate(images):
        try:
            grays.append(_decode(image, limits))
            owners.append(index)
        except InvalidArgumentError as error:
            errors[index] = error
    pixels = normalize_batch(grays) if grays else np.zeros((0, FRAME_SIZE, FRAME_SIZE), np.float32)
    return Frames(pixels, np.array(owners, np.intp), errors)


def _is_frame_sized(image: SourceImage) -> bool:
    return (
        isinstance(image, RawImage)
        and image.width == FRAME_SIZE
        and image.height == FRAME_SIZE
        and len(image.pixels) == FRAME_SIZE * FRAME_SIZE
    )


def _to_tensor(images: Sequence[Any]) -> NDArray[np.uint8]:
    """Return raw images of a frame's size as one array, which takes half of the time."""
    pixels = b"".join([image.pixels for image in images])
    return np.frombuffer(pixels, np.uint8).reshape(-1, FRAME_SIZE, FRAME_SIZE)


def join(parts: Sequence[Images]) -> Images:
    """Return the images of several requests together, which are of one kind."""
    if len(parts) == 1:
        return parts[0]
    tensors = [part for part in parts if isinstance(part, np.ndarray)]
    if tensors:
        return np.concatenate(tensors)
    return [image for part in parts for image in part]


def measure_work(images: Images) -> Work:
    """Return how much work images are, without decoding them."""
    if isinstance(images, np.ndarray):
        return Work(images.nbytes, len(images), is_plain=True)
    byte_count, cost, is_plain = 0, len(images), True
    for image in images:
        size = 0 if image is None else len(image[-1])
        byte_count += size
        pixel_count = _plain_pixel_count(image)
        if pixel_count is None:
            is_plain = False
        else:
            cost += pixel_count // _PIXELS_PER_COST
        if isinstance(image, EncodedImage):
            cost += size // _ENCODED_BYTES_PER_COST
    return Work(byte_count, cost, is_plain)


def _plain_pixel_count(image: SourceImage) -> int | None:
    """Return the number of pixels to decode; None for an image that is not plain."""
    if isinstance(image, RawImage):
        return len(image.pixels) if len(image.pixels) <= _MAX_RAW_PIXELS else None
    if image is None or not image.content.startswith(_FORMAT_STARTS):
        return 0
    size = fast_png_size(image.content)
    return None if size is None else size[0] * size[1]


def _decode(image: SourceImage, limits: ImageLimits) -> NDArray[np.uint8]:
    if isinstance(image, RawImage):
        return from_raw(image.width, image.height, image.pixels, limits)
    if isinstance(image, EncodedImage):
        return decode(image.content, limits)
    raise InvalidArgumentError("image", "is unset; encoded or raw is required")
