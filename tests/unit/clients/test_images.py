"""The kinds of image that a caller may pass, and the messages that carry them."""

import io
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client import InvalidImageError
from digits_client.images import ImageLike, to_message


def pixels_of(image: pb.Image) -> Image.Image:
    """Return the image that a server sees in a message."""
    if image.WhichOneof("source") == "raw":
        size = (image.raw.width, image.raw.height)
        return Image.frombytes("L", size, image.raw.data)
    return Image.open(io.BytesIO(image.encoded))


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    return np.arange(height * width, dtype=np.uint8).reshape(height, width)


def test_bytes_are_sent_unchanged() -> None:
    assert to_message(b"any bytes") == pb.Image(encoded=b"any bytes")


@pytest.mark.parametrize("kind", [str, Path])
def test_the_file_of_a_path_is_sent_unchanged(kind: type, tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(b"content")
    assert to_message(kind(file)) == pb.Image(encoded=b"content")


def test_a_missing_file_is_an_invalid_image_with_the_reason() -> None:
    with pytest.raises(InvalidImageError, match=r"^missing\.png cannot be read: No such file"):
        to_message("missing.png")


def test_a_folder_is_an_invalid_image_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidImageError, match=rf"^{re.escape(str(tmp_path))} cannot be read: "):
        to_message(tmp_path)


def test_a_path_that_no_file_can_have_is_an_invalid_image_with_the_reason() -> None:
    with pytest.raises(InvalidImageError, match=r"^a\0b cannot be read: embedded null byte"):
        to_message("a\0b")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "F"])
def test_a_pillow_image_that_cannot_be_decoded_is_an_invalid_image(
    mode: str, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (50, 50), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(whole, "TIFF" if mode in "CMYKF" else "PNG")
    (tmp_path / "half").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with (
        pytest.raises(InvalidImageError, match=r"^the Pillow image cannot be read: "),
        Image.open(tmp_path / "half") as image,
    ):
        to_message(image)


def test_an_empty_or_closed_pillow_image_is_an_invalid_image(tmp_path: Path) -> None:
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png")
    closed = Image.open(tmp_path / "a.png")
    closed.close()
    for image in (Image.new("RGB", (0, 3)), closed):
        with pytest.raises(InvalidImageError, match=r"^the Pillow image cannot be read: "):
            to_message(image)


def test_a_gray_pillow_image_is_sent_raw() -> None:
    image = Image.fromarray(ramp(2, 3))
    sent = to_message(image)
    assert (sent.raw.width, sent.raw.height) == (3, 2)
    assert sent.raw.data == bytes(range(6))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_pillow_image_that_png_can_store_keeps_every_pixel(mode: str) -> None:
    image = Image.new(mode, (3, 2), 1)
    sent = pixels_of(to_message(image))
    assert sent.mode == mode
    assert sent.tobytes() == image.tobytes()


def test_a_gray_image_with_a_transparent_value_keeps_its_transparency() -> None:
    image = Image.fromarray(ramp(2, 3))
    image.info["transparency"] = 4
    assert pixels_of(to_message(image)).has_transparency_data


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "RGBX"])
def test_a_pillow_image_in_another_color_space_becomes_rgb(mode: str) -> None:
    image = Image.new(mode, (3, 2), 1)
    sent = pixels_of(to_message(image))
    assert sent.mode == "RGB"
    assert sent.tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["PA", "RGBa"])
def test_transparency_survives_the_conversion_of_the_color_space(mode: str) -> None:
    assert pixels_of(to_message(Image.new(mode, (3, 2)))).mode == "RGBA"


@pytest.mark.parametrize(("mode", "value"), [("I", 40_000), ("F", 0.25), ("I;16B", 40_000)])
def test_deep_gray_is_not_clipped_to_8_bits(mode: str, value: float) -> None:
    sent = pixels_of(to_message(Image.new(mode, (3, 2), value)))
    assert sent.getpixel((0, 0)) == value


def test_a_gray_array_is_sent_raw() -> None:
    sent = to_message(ramp(2, 3))
    assert (sent.raw.width, sent.raw.height, sent.raw.data) == (3, 2, bytes(range(6)))


def test_an_array_that_is_not_contiguous_is_sent_row_by_row() -> None:
    assert to_message(ramp(2, 3).T).raw.data == bytes([0, 3, 1, 4, 2, 5])


def test_true_in_a_bool_array_is_white() -> None:
    assert to_message(np.array([[True, False]])).raw.data == b"\xff\x00"


@pytest.mark.parametrize(("channels", "mode"), [(3, "RGB"), (4, "RGBA")])
def test_a_color_array_keeps_every_pixel(channels: int, mode: str) -> None:
    array = ramp(5, 4 * channels).reshape(5, 4, channels)
    sent = pixels_of(to_message(array))
    assert sent.mode == mode
    assert np.array_equal(np.asarray(sent), array)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint16, np.str_])
def test_an_array_of_another_dtype_is_an_invalid_image(dtype: type) -> None:
    with pytest.raises(InvalidImageError, match="is not a valid image: use bool or uint8"):
        to_message(np.zeros((28, 28), dtype))


@pytest.mark.parametrize(
    "shape",
    [
        *((), (784,), (28, 28, 1), (28, 28, 2), (1, 28, 28, 3)),
        *((0, 28), (28, 0), (0, 28, 3), (28, 0, 4)),
    ],
)
def test_an_array_of_another_shape_is_an_invalid_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidImageError, match=r"is not a valid image: use \(H, W\)"):
        to_message(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("thing", [None, 3, ["a.png"], bytearray(b"x")])
def test_an_image_of_another_type_raises_type_error(thing: Any) -> None:
    with pytest.raises(TypeError, match="an image is a path, bytes"):
        to_message(thing)


def test_the_type_of_images_can_be_combined_with_others_at_run_time() -> None:
    assert type(None) in get_args(ImageLike | None)
    assert {str, bytes} <= set(get_args(ImageLike))
