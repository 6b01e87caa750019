import io

import numpy as np
import pytest
from PIL import Image

from digits_server.preprocessing.decode import ImageLimits
from digits_server.preprocessing.framing import (
    EncodedImage,
    Frames,
    RawImage,
    SourceImage,
    join,
    measure_work,
    to_frames,
)
from digits_server.preprocessing.readings import READINGS

EVEN_MAIN = READINGS.index("ink on even ground")
LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**20)


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


def mixed_frames() -> Frames:
    """Return the frames of a digit, a blank image, an invalid one, and the digit again."""
    ink = np.zeros((40, 40), np.uint8)
    ink[10:30, 18:22] = 255
    digit = RawImage(40, 40, ink.tobytes())
    return to_frames([digit, RawImage(40, 40, bytes(1600)), None, digit], LIMITS)


def test_an_image_without_ink_has_no_frame() -> None:
    frames = mixed_frames()
    assert frames.owners.tolist() == [0, 3]
    assert frames.readings.tolist() == [EVEN_MAIN] * 2
    assert frames.failures.tolist() == [0, 0, 0, 0]
    assert [*frames.errors] == [2]
    assert len(frames) == 4
    assert len(frames.pixels) == 2


def framed_files() -> list[EncodedImage]:
    """Return files of a frame's size: a frame, two digits side by side, and a blank image."""
    frame, two = np.zeros((28, 28), np.uint8), np.zeros((28, 28), np.uint8)
    frame[4:24, 12:16] = 255
    two[8:20, 4:8] = two[8:20, 20:24] = 255
    files = []
    for pixels in (frame, two, np.zeros((28, 28), np.uint8)):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        files.append(EncodedImage(buffer.getvalue()))
    return files


def test_files_of_a_frames_size_have_the_same_frames_together_and_one_by_one() -> None:
    files = framed_files()
    one_by_one = Frames.concatenate([to_frames([file], LIMITS) for file in files])
    assert one_by_one.owners.tolist()[0] == 0
    assert one_by_one.lines
    for together in (to_frames(files, LIMITS), to_frames([*files, None], LIMITS)[:3]):
        np.testing.assert_array_equal(together.pixels, one_by_one.pixels)
        assert together.owners.tolist() == one_by_one.owners.tolist()
        assert together.readings.tolist() == one_by_one.readings.tolist()
        assert together.boxes.tolist() == one_by_one.boxes.tolist()
        assert [line.image for line in together.lines] == [line.image for line in one_by_one.lines]


def test_a_tensor_without_ink_has_no_frames() -> None:
    frames = to_frames(np.zeros((3, 28, 28), np.uint8), LIMITS)
    assert len(frames.pixels) == 0
    assert len(frames) == 3


@pytest.mark.parametrize("cut", range(5))
def test_frames_that_are_cut_and_joined_are_the_same(cut: int) -> None:
    frames = mixed_frames()
    parts = [frames[:cut], frames[cut:]]
    assert [len(part) for part in parts] == [cut, 4 - cut]
    joined = join(parts)
    assert isinstance(joined, Frames)
    np.testing.assert_array_equal(joined.pixels, frames.pixels)
    for column in ("owners", "readings", "boxes", "failures", "unread_pages"):
        assert getattr(joined, column).tolist() == getattr(frames, column).tolist()
    assert joined.errors == frames.errors


def test_the_cost_of_frames_is_their_number_and_not_that_of_the_images() -> None:
    frames = mixed_frames()
    assert measure_work(frames) == (frames.pixels.nbytes, 2, True)
    assert measure_work(frames[1:3]).cost == 1
    assert to_frames(frames, LIMITS) is frames


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
