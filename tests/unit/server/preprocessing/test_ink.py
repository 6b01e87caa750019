"""Finding the ink of an image, on paper with lines."""

import cv2
import numpy as np
import pytest
from cv2.typing import MatLike
from numpy.typing import NDArray

from digits_server.preprocessing import ink as module
from digits_server.preprocessing.ground import even_contrast, local_contrasts
from digits_server.preprocessing.ink import find_ink

SIDE = 200
PAPER, RULING, INK = 250, 150, 30


def ruled_page(ruling: int) -> NDArray[np.uint8]:
    page = np.full((SIDE, SIDE), PAPER, np.uint8)
    for start in range(10, SIDE, 30):
        page[start : start + 3] = page[:, start : start + 3] = ruling
    return page


def ink_mask(page: NDArray[np.uint8]) -> MatLike:
    dark, _ = local_contrasts(page, None)
    ink = find_ink(dark)
    assert ink is not None
    mask = np.zeros((SIDE, SIDE), np.uint8)
    height, width = ink.mask.shape
    mask[dark.top : dark.top + height, dark.left : dark.left + width] = ink.mask
    return mask


def test_a_stroke_along_a_line_that_is_fainter_stays() -> None:
    page = ruled_page(RULING)
    page[40:160, 98:106] = INK  # one of the lines is at 100
    mask = ink_mask(page)
    assert mask[42:158, 99:105].all()
    mask[36:164, 94:108] = 0
    assert not mask.any()


def test_lines_as_dark_as_ink_are_removed() -> None:
    page = ruled_page(INK)
    page[40:160, 112:120] = INK
    mask = ink_mask(page)
    assert mask[42:158, 114:118].mean() > 0.9
    mask[36:164, 108:124] = 0
    assert mask.mean() < 0.002


def test_a_page_with_lines_alone_keeps_next_to_no_ink() -> None:
    assert ink_mask(ruled_page(RULING)).mean() < 0.002


def test_few_components_are_labeled_as_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    for _ in range(40):
        page = np.full((SIDE, SIDE), PAPER, np.uint8)
        for _ in range(6):  # rings, some within others, and what is a pixel wide
            center, radius = random.integers(60, 140, 2).tolist(), int(random.integers(1, 50))
            cv2.circle(page, center, radius, INK, int(random.integers(1, 9)))
        found = {}
        for most in (0, 24):
            monkeypatch.setattr(module, "_FEW_COMPONENTS", most)
            contrast = even_contrast(page)
            assert contrast is not None
            ink = find_ink(contrast)
            assert ink is not None
            labels, boxes, components = ink.labeled
            assert labels.dtype == (np.uint8 if most else np.uint16)
            order = np.lexsort(boxes.T)
            ranks = np.append(0, 1 + np.argsort(order))
            found[most] = (boxes[order], ranks[labels], [each[order] for each in components])
        for one, other in zip(found[0], found[24], strict=True):
            np.testing.assert_array_equal(one, other)
