"""What is asked.

Small images are digits of MNIST's size that meet the recipe of frames, as MNIST's own do: the
least that an image costs. Drawn ones, which have to be scaled and centred, are digits-bench's.
"""

import enum
import functools
import io
import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client.bench import image_kinds
from digits_server.models.registry import SELF_TEST_IMAGES
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import Settings

MANY: Final = 256
LIMITS: Final = ImageLimits(Settings.max_image_bytes, Settings.max_image_pixels)


class Form(enum.StrEnum):
    """How an image is sent."""

    RAW28 = "raw28"
    PNG28 = "png28"
    DRAWN28 = "drawn28"
    PNG300 = "png300"


NAMES: Final = {
    Form.RAW28: "raw 28 x 28, like MNIST's",
    Form.PNG28: "PNG 28 x 28, like MNIST's",
    Form.DRAWN28: "raw 28 x 28, to be scaled and centred",
    Form.PNG300: "PNG of a canvas of 300 x 300",
}


@functools.cache
def several(form: Form) -> tuple[pb.Image, ...]:
    """Return different images of a form."""
    match form:
        case Form.DRAWN28:
            return tuple(image_kinds.drawn_digits(image_kinds.ImageKind.RAW28).values())
        case Form.PNG300:
            return tuple(image_kinds.drawn_digits(image_kinds.ImageKind.PNG300).values())
    files = [file.read_bytes() for file in sorted(SELF_TEST_IMAGES.glob("*.png"))]
    frames = [normalize(decode(content, LIMITS)) for content in files]
    pixels = [np.rint(frame * 255).astype(np.uint8) for frame in frames]
    kept = [image for image in pixels if np.array_equal(normalize(image), image / np.float32(255))]
    if form is Form.PNG28:
        return tuple(pb.Image(encoded=_png(image)) for image in kept)
    return tuple(
        pb.Image(raw=pb.RawImage(width=28, height=28, data=image.tobytes())) for image in kept
    )


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def one(form: Form) -> bytes:
    """Return a request with one image."""
    return pb.RecognizeRequest(image=several(form)[0]).SerializeToString()


def many(form: Form) -> bytes:
    """Return a request with a batch."""
    return pb.RecognizeBatchRequest(images=batch(form)).SerializeToString()


def batch(form: Form) -> list[pb.Image]:
    """Return so many images, each in turn."""
    return list(itertools.islice(itertools.cycle(several(form)), MANY))


def gray(image: pb.Image) -> NDArray[np.uint8]:
    """Return an image as the server reads it."""
    if image.encoded:
        return decode(image.encoded, LIMITS)
    return from_raw(image.raw.width, image.raw.height, image.raw.data, LIMITS)
