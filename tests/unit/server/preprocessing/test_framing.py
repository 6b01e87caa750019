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
        (EncodedImage(encoded("PNG", 28).content + bytes(2**20)), 1025),
        (EncodedImage(encoded("PNG", 28).content[:20]), 1),
        (None, 1),
    ],
)
def test_the_cost_of_pixels_and_png_follows_from_their_size(image: SourceImage, cost: int) -> None:
    work = measure_work([image, image])
    assert work.cost == 2 * cost
    assert work.is_cost_known


def test_the_cost_of_other_formats_is_an_estimate() -> None:
    jpeg = encoded("JPEG", 28)
    assert not measure_work([RawImage(1, 1, b"0"), jpeg]).is_cost_known
    assert measure_work([EncodedImage(jpeg.content.ljust(8 * 1024))]).cost == 9


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
