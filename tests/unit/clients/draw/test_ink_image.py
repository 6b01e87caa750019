"""Strokes as the sheet shows them."""

import numpy as np
import pytest

from digits_client.draw.ink_image import ink_image


def test_the_edges_of_a_stroke_are_smooth_and_the_rest_is_transparent() -> None:
    image, (left, top) = ink_image([(20, 30), (60, 90)], 10, "#102030")
    alpha = np.asarray(image.getchannel("A"))
    assert image.getpixel((40 - left, 60 - top)) == (0x10, 0x20, 0x30, 255)
    assert alpha[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [0] * 4
    assert np.unique(alpha).size > 5  # more than ink and none


@pytest.mark.parametrize("width", [4, 16.5])
def test_a_single_point_is_a_disc_of_the_width_of_the_pen(width: float) -> None:
    image, (left, top) = ink_image([(50.5, 40.5)], width, "#ffffff")
    assert (left + image.width / 2, top + image.height / 2) == (50.5, 40.5)
    area = np.asarray(image.getchannel("A")).sum() / 255
    assert area == pytest.approx(np.pi * width**2 / 4, rel=0.25)
