"""The images and requests that the benchmarks send.

The small images are like MNIST's: the normalization leaves them as they are, which is the least
that an image can cost. The drawings, which have to be scaled and centered, are digits-bench's.
"""

import enum
import functools
import io
import itertools
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.inference.v2 import inference_pb2
from digits.v1 import recognizer_pb2 as pb
from digits_client.bench import image_kinds
from digits_server.models.registry import SELF_TEST_IMAGES
from digits_server.preprocessing.decode import ImageLimits, decode, from_raw
from digits_server.preprocessing.normalize import normalize
from digits_server.settings import Settings

BATCH_SIZE: Final = 256
LIMITS: Final = ImageLimits(Settings.max_image_bytes, Settings.max_image_pixels)


class Form(enum.StrEnum):
    """The form in which an image is sent."""

    RAW28 = "raw28"
    PNG28 = "png28"
    DRAWN28 = "drawn28"
    PNG300 = "png300"


LABELS: Final = {
    Form.RAW28: "raw 28 x 28, like MNIST's",
    Form.PNG28: "PNG 28 x 28, like MNIST's",
    Form.DRAWN28: "raw 28 x 28, to be scaled and centered",
    Form.PNG300: "PNG, canvas of 300 x 300",
}


@functools.cache
def images(form: Form) -> tuple[pb.Image, ...]:
    """Return several different images of a form."""
    match form:
        case Form.DRAWN28:
            return tuple(image_kinds.drawn_digits(image_kinds.ImageKind.RAW28).values())
        case Form.PNG300:
            return tuple(image_kinds.drawn_digits(image_kinds.ImageKind.PNG300).values())
    files = sorted(SELF_TEST_IMAGES.glob("*.png"))
    pixels = mnist_like(decode(file.read_bytes(), LIMITS).gray for file in files)
    if form is Form.PNG28:
        return tuple(pb.Image(encoded=_png(image)) for image in pixels)
    return tuple(
        pb.Image(raw=pb.RawImage(width=28, height=28, data=image.tobytes())) for image in pixels
    )


def mnist_like(grays: Iterable[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Normalize images, and return the frames that a second normalization does not change.

    Args:
        grays: Gray images, (H, W).

    Returns:
        Their pixels, (28, 28) uint8 each, bright ink on black.
    """
    pixels = [np.rint(normalize(gray) * 255).astype(np.uint8) for gray in grays]
    return [image for image in pixels if np.array_equal(normalize(image), image / np.float32(255))]


def single_request(form: Form) -> bytes:
    """Return a RecognizeRequest."""
    return pb.RecognizeRequest(image=images(form)[0]).SerializeToString()


def batch_request(form: Form) -> bytes:
    """Return a RecognizeBatchRequest of BATCH_SIZE images."""
    return pb.RecognizeBatchRequest(images=batch(form)).SerializeToString()


def tensor_request(pixels: NDArray[np.uint8]) -> bytes:
    """Return a ModelInferRequest with all images in one tensor.

    Args:
        pixels: (N, 28, 28).
    """
    request = inference_pb2.ModelInferRequest(model_name="digits")
    tensor = request.inputs.add(name="images", datatype="UINT8")
    tensor.shape.extend(pixels.shape)
    request.raw_input_contents.append(pixels.tobytes())
    return request.SerializeToString()


def batch(form: Form) -> list[pb.Image]:
    """Return BATCH_SIZE images; the different images of the form repeat."""
    return list(itertools.islice(itertools.cycle(images(form)), BATCH_SIZE))


def gray(image: pb.Image) -> NDArray[np.uint8]:
    """Return the gray image, (H, W), as the server decodes it."""
    if image.encoded:
        return decode(image.encoded, LIMITS).gray
    return from_raw(image.raw.width, image.raw.height, image.raw.data, LIMITS)


def _png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
