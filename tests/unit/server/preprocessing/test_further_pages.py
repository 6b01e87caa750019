"""The pages and frames of a file that are not looked at are counted."""

import io
from typing import Any

import pytest
from PIL import Image

from digits_server.preprocessing.decode import ImageLimits, decode
from digits_server.preprocessing.structure import (
    MAX_GIF_BLOCKS,
    MAX_TIFF_PAGES,
    count_further_pages,
)

LIMITS = ImageLimits(max_bytes=2**24, max_pixels=2**20)
GIF_HEADER = b"GIF89a" + bytes([1, 0, 1, 0, 0, 0, 0])
GIF_FRAME = b"\x2c" + bytes([0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 1, 0, 0])


def save(image_format: str, count: int, **options: Any) -> bytes:
    content = io.BytesIO()
    pages = [Image.new("RGB", (40, 30), (10 + 70 * number, 0, 0)) for number in range(count)]
    if count > 1:
        options |= {"save_all": True, "append_images": pages[1:]}
    pages[0].save(content, image_format, **options)
    return content.getvalue()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_further_pages_and_frames_are_counted(image_format: str, count: int) -> None:
    decoded = decode(save(image_format, count), LIMITS)
    assert decoded.unread_pages == count - 1
    assert decoded.gray.shape == (30, 40)


@pytest.mark.parametrize("image_format", ["JPEG", "BMP"])
def test_other_formats_have_one_page(image_format: str) -> None:
    assert decode(save(image_format, 1), LIMITS).unread_pages == 0


def test_an_image_before_an_animation_is_not_one_of_its_frames() -> None:
    assert decode(save("PNG", 3, default_image=True), LIMITS).unread_pages == 2


def test_a_big_tiff_has_pages() -> None:
    assert decode(save("TIFF", 2, big_tiff=True), LIMITS).unread_pages == 1


def test_a_file_of_other_programs_with_comments_and_color_tables_is_counted() -> None:
    table = bytes([1, 0, 1, 0, 0x80, 0, 0]) + bytes(6)
    comment = b"\x21\xfe\x03abc\x02de\x00"
    local = b"\x2c" + bytes([0, 0, 0, 0, 1, 0, 1, 0, 0x81]) + bytes(12) + bytes([2, 1, 0, 0])
    content = b"GIF89a" + table + comment + GIF_FRAME + comment + local + GIF_FRAME + b"\x3b"
    assert count_further_pages(content) == 2


@pytest.mark.parametrize("cut", range(0, 60, 3))
@pytest.mark.parametrize("image_format", ["GIF", "TIFF", "WEBP", "PNG"])
def test_a_truncated_file_can_be_counted(image_format: str, cut: int) -> None:
    assert 0 <= count_further_pages(save(image_format, 3)[:-cut]) <= 2


def test_counting_is_bounded() -> None:
    frames = GIF_HEADER + GIF_FRAME * 10**6
    blocks = GIF_HEADER + GIF_FRAME[:-3] + bytes([1, 0]) * 2**22
    loop = b"II*\0" + (8).to_bytes(4, "little") + b"\0\0" + (8).to_bytes(4, "little")
    assert count_further_pages(frames) < MAX_GIF_BLOCKS
    assert count_further_pages(blocks) == 0
    assert count_further_pages(loop) == MAX_TIFF_PAGES - 1
