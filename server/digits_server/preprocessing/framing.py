"""From the images of a request to the frames that the network reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from digits_server.errors import InvalidArgumentError

from .decode import Decoded, ImageLimits, decode, from_raw
from .fast_png import fast_png_size
from .layout import Layout
from .readings import FRAME_SHAPE, NOTHING, Readings, join_readings
from .recipe import FRAME_SIZE
from .search import find_all_readings, find_readings
from .strips import Line

# Decoding and normalizing so much takes as long as a network's call for one image, about a tenth
# of a millisecond.
_PIXELS_PER_COST: Final = 16_384
_ENCODED_BYTES_PER_COST: Final = 1024
# The network's calls for an image, about.
_COSTS: Final = {Layout.DIGIT: 1, Layout.NUMBER: 20, Layout.PAGE: 300}
# The line network reads so many columns in that time.
_COLUMNS_PER_COST: Final = 20
_FRAME_BYTES: Final = 4 * FRAME_SIZE * FRAME_SIZE
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


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of N images, of each reading that found ink, and the strips of lines of digits.

    An image without a frame, an error and a failure is blank.
    """

    pixels: NDArray[np.float32]
    """(R, 28, 28) in 0..1."""
    owners: NDArray[np.intp]
    """(R,) index of the image that each frame shows, in ascending order."""
    readings: NDArray[np.uint8]
    """(R,) index into READINGS of the reading that made each frame."""
    boxes: NDArray[np.intp]
    """(R, 4) left, top, width and height of the ink in each, in pixels of the image."""
    failures: NDArray[np.uint8]
    """(N,) ``Reason`` why an image has ink and yet no frame; 0 for every other image."""
    unread_pages: NDArray[np.uint32]
    """(N,) further pages or frames of each file, which were not looked at."""
    errors: Mapping[int, InvalidArgumentError] = field(default_factory=dict)
    """What is wrong with each invalid image, by its index."""
    lines: Sequence[Line] = ()
    """The lines of digits of images that may hold several, in the order of the images."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.failures)

    def __getitem__(self, images: slice) -> Self:
        """Return a range of images, without copying frames. ``images`` has no step."""
        start, stop, _ = images.indices(len(self))
        first, last = self.owners.searchsorted((start, stop))
        return type(self)(
            self.pixels[first:last],
            self.owners[first:last] - start,
            self.readings[first:last],
            self.boxes[first:last],
            self.failures[start:stop],
            self.unread_pages[start:stop],
            {index - start: error for index, error in self.errors.items() if start <= index < stop},
            [
                line._replace(image=line.image - start)
                for line in self.lines
                if start <= line.image < stop
            ],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Return the frames of one or more parts together."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        return cls(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate(
                [part.owners + start for part, start in zip(parts, starts, strict=False)]
            ),
            np.concatenate([part.readings for part in parts]),
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.failures for part in parts]),
            np.concatenate([part.unread_pages for part in parts]),
            {
                start + index: error
                for part, start in zip(parts, starts, strict=False)
                for index, error in part.errors.items()
            },
            [
                line._replace(image=start + line.image)
                for part, start in zip(parts, starts, strict=False)
                for line in part.lines
            ],
        )

    @classmethod
    def of_readings(
        cls,
        readings: Readings,
        unread_pages: NDArray[np.uint32],
        errors: Mapping[int, InvalidArgumentError] | None = None,
    ) -> Self:
        """Return the frames of images, given what was found in them."""
        return cls(
            readings.frames,
            readings.owners,
            readings.kinds,
            readings.boxes,
            readings.failures,
            unread_pages,
            errors or {},
            readings.lines,
        )

    @classmethod
    def invalid(cls, error: InvalidArgumentError) -> Self:
        """Return the frames of one invalid image: none."""
        return cls.of_readings(join_readings([NOTHING]), np.zeros(1, np.uint32), {0: error})


Images: TypeAlias = Sequence[SourceImage] | NDArray[np.uint8] | Frames
"""The images of a request: each as the caller sent it, one (N, H, W) uint8 tensor of gray images,
or frames that another process has made."""


class Work(NamedTuple):
    """How much work the images of a request are."""

    byte_count: int
    """Size of the images as they were sent."""
    cost: int
    """Estimated time, in calls of a network for one image."""
    is_plain: bool
    """Whether it cannot take far longer or much memory: raw pixels and PNG of moderate size."""


def to_frames(images: Images, limits: ImageLimits, layout: Layout = Layout.DIGIT) -> Frames:
    """Decode images, and make the frames of what they hold. An invalid image gets an error."""
    if isinstance(images, Frames):
        return images
    if isinstance(images, np.ndarray):
        return Frames.of_readings(find_all_readings(images), np.zeros(len(images), np.uint32))
    is_frame_accepted = limits.max_pixels >= FRAME_SIZE * FRAME_SIZE
    is_several = len(images) > 1 and layout == Layout.DIGIT
    if is_several and is_frame_accepted and all(map(_is_frame_sized, images)):
        return to_frames(_to_tensor(images), limits)
    found = [NOTHING] * len(images)
    errors = {}
    unread_pages = np.zeros(len(images), np.uint32)
    frame_sized: dict[int, NDArray[np.uint8]] = {}
    for index, image in enumerate(images):
        try:
            gray, unread_pages[index] = _decode(image, limits)
            if is_several and gray.shape == FRAME_SHAPE:
                frame_sized[index] = gray
            else:
                found[index] = find_readings(gray, layout)
        except InvalidArgumentError as error:
            errors[index] = error
    if is_several and len(frame_sized) == len(images):
        return Frames.of_readings(find_all_readings([*frame_sized.values()]), unread_pages)
    for index, gray in frame_sized.items():
        found[index] = find_readings(gray, layout)
    return Frames.of_readings(join_readings(found), unread_pages, errors)


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
    if tensors := [part for part in parts if isinstance(part, np.ndarray)]:
        return np.concatenate(tensors)
    if frames := [part for part in parts if isinstance(part, Frames)]:
        return Frames.concatenate(frames)
    return [image for part in parts if not isinstance(part, Frames) for image in part]


def measure_work(images: Images, layout: Layout = Layout.DIGIT) -> Work:
    """Return how much work images are, without decoding them."""
    if isinstance(images, np.ndarray):
        return Work(images.nbytes, len(images), is_plain=True)
    if isinstance(images, Frames):
        columns = sum(len(line.columns) for line in images.lines)
        count = len(images.pixels) + columns // _COLUMNS_PER_COST
        return Work(count * _FRAME_BYTES, max(1, count), is_plain=True)
    byte_count, cost, is_plain = 0, _COSTS[layout] * len(images), True
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


def _decode(image: SourceImage, limits: ImageLimits) -> Decoded:
    if isinstance(image, RawImage):
        return Decoded(from_raw(image.width, image.height, image.pixels, limits), 0)
    if isinstance(image, EncodedImage):
        return decode(image.content, limits)
    raise InvalidArgumentError("image", "is unset; encoded or raw is required")
