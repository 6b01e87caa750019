import io

import numpy as np
import pytest
from PIL import Image

from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import (
    EncodedImage,
    RawImage,
    SourceImage,
    measure_work,
    to_frames,
)


def encoded(image_format: str, side: int) -> EncodedImage:
    buffer = io.BytesIO()
    Image.new("L", (side, side)).save(buffer, image_format)
    return EncodedImage(buffer.getvalue())


@pytest.mark.parametrize(
    ("image", "cost"),
    [
        (RawImage(28, 28, bytes(28 * 28)), 1),
        (RawImage(512, 512, bytes(512 * 512)), 17),
        (encoded("PNG", 28), 1),
        (encoded("PNG", 512), 17 + len(encoded("PNG", 512).content) // 1024),
        (EncodedImage(b"neither of the formats"), 1),
        (None, 1),
    ],
)
def test_the_cost_of_pixels_and_plain_png_follows_from_their_size(
    image: SourceImage, cost: int
) -> None:
    work = measure_work([image, image])
    assert work.cost == 2 * cost
    assert work.is_plain


@pytest.mark.parametrize(
    "image",
    [
        encoded("JPEG", 28),
        encoded("GIF", 28),
        encoded("BMP", 28),
        encoded("WEBP", 28),
        encoded("TIFF", 28),
        EncodedImage(encoded("PNG", 28).content[:-1]),
        EncodedImage(encoded("PNG", 28).content + bytes(2**20)),
        encoded("PNG", 1025),
        RawImage(1025, 1025, bytes(1025 * 1025)),
    ],
)
def test_other_formats_and_large_images_are_not_plain(image: SourceImage) -> None:
    assert not measure_work([image]).is_plain
    assert not measure_work([RawImage(1, 1, b"0"), image]).is_plain


def test_frames_remain_as_they_are() -> None:
    frames = np.random.default_rng(1).random((3, 28, 28), np.float32)

    found = to_frames(frames, ImageLimits(max_bytes=1, max_pixels=1))

    assert found.pixels is frames
    assert found.owners.tolist() == [0, 1, 2]


def test_the_work_of_a_tensor_is_that_of_its_images() -> None:
    work = measure_work(np.zeros((5, 28, 28), np.uint8))
    assert work == (5 * 28 * 28, 5, True)


def test_the_sizes_of_images_are_added() -> None:
    assert measure_work([RawImage(2, 1, b"01"), None, EncodedImage(b"345")]).byte_count == 5


def test_the_limit_of_pixels_holds_for_many_images_as_for_one() -> None:
    limits = ImageLimits(max_bytes=1000, max_pixels=28 * 28 - 1)
    image = RawImage(28, 28, bytes(28 * 28))
    assert [*to_frames([image], limits).errors] == [0]
    assert [*to_frames([image, image], limits).errors] == [0, 1]
