"""The paper behind an image with transparent parts."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
# Ink differs from the ground of a card by this many levels, in any of the colors ...
_INK_LEVELS: Final = 48
# ... in this share of its pixels.
_INK_SHARE: Final = 0.002
# A card with ink covers this share of the smallest box around it. A digit without ground covers
# less, or has a single color.
_CARD_FILL: Final = 0.5
# A card without ink covers this share of the image.
_BLANK_CARD_SHARE: Final = 0.8
# The ground of a card is fitted again without the pixels that are this much further from it than
# half of them are.
_FIT_ROUNDS: Final = 4
_OUTLIER_RATIO: Final = 2.5
_MIN_DISTANCE: Final = 2.0


def find_paper(sample: Image.Image) -> Image.Image:
    """Return the paper that shows through transparent pixels, so that the ink stays visible.

    What is opaque may be a card with ink on it, such as a scan with rounded corners. Then the
    paper has the color of the card's ground, and its light. Otherwise it is the ink itself, or
    paper of one color with holes. Then the paper is white or black, whichever contrasts with it.
    Colors of transparent pixels have no effect.

    Args:
        sample: Pixels of the image, RGBA.

    Returns:
        The paper of the whole image, RGBA, in a size of its own.
    """
    pixels = np.asarray(sample)
    colors, alpha = pixels[..., :3], pixels[..., 3]
    is_opaque = alpha > int(alpha.max()) // 2
    if not is_opaque.any():
        return Image.new("RGBA", (1, 1), _WHITE)
    ground = _fit_ground(colors, is_opaque)
    is_ink = np.abs(colors - ground).max(axis=2)[is_opaque] > _INK_LEVELS
    if is_ink.mean() > _INK_SHARE:
        _, _, width, height = cv2.boundingRect(is_opaque.view(np.uint8))
        is_card = is_opaque.sum() >= _CARD_FILL * width * height
    else:
        is_card = is_opaque.mean() >= _BLANK_CARD_SHARE and not _has_holes(is_opaque)
    if is_card:
        return Image.fromarray(np.rint(ground.clip(0, 255)).astype(np.uint8)).convert("RGBA")
    is_light = np.asarray(sample.convert("RGB").convert("L"))[is_opaque].mean() > 127
    return Image.new("RGBA", (1, 1), _BLACK if is_light else _WHITE)


def flatten(band: Image.Image, paper: Image.Image, top: float, bottom: float) -> Image.Image:
    """Return a band of rows of an image with transparency, as RGB, on its paper.

    Args:
        band: The rows.
        paper: The paper of the whole image.
        top: Where the band begins, from 0 for the top of the image to 1 for its bottom.
        bottom: Where the band ends.
    """
    band = band.convert("RGBA")
    if band.getchannel("A").getextrema() != (255, 255):  # else it is opaque
        box = (0, top * paper.height, paper.width, bottom * paper.height)
        background = paper.resize(band.size, Image.Resampling.BILINEAR, box)
        band = Image.alpha_composite(background, band)
    return band.convert("RGB")


def _fit_ground(colors: NDArray[np.uint8], is_opaque: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the color of the ground everywhere, with light that changes evenly across it.

    Args:
        colors: (H, W, 3).
        is_opaque: (H, W), True somewhere.

    Returns:
        (H, W, 3): a plane for each color, fitted to the opaque pixels without the ink.
    """
    height, width = is_opaque.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    terms = np.stack((np.ones_like(x), x, y), axis=2)
    ground = np.broadcast_to(np.median(colors[is_opaque], axis=0), colors.shape).astype(np.float32)
    for _ in range(_FIT_ROUNDS):
        distance = np.abs(colors - ground).max(axis=2)
        limit = _OUTLIER_RATIO * max(_MIN_DISTANCE, float(np.median(distance[is_opaque])))
        is_ground = is_opaque & (distance <= limit)
        # The normal equations, without the library behind NumPy's, which takes 30 MB when it is
        # first used. The small diagonal keeps an image of a single row or column solvable.
        known = terms[is_ground]
        normal = cv2.mulTransposed(known, aTa=True) + np.eye(3, dtype=np.float32) * 1e-3
        sums = np.einsum("nt,nc->tc", known, colors[is_ground].astype(np.float32))
        _, planes = cv2.solve(normal, sums, flags=cv2.DECOMP_LU)
        ground = np.einsum("hwt,tc->hwc", terms, planes)
    return ground


def _has_holes(is_opaque: NDArray[np.bool_]) -> bool:
    """Return whether transparent pixels lie apart from those at the edge of the image."""
    _, labels = cv2.connectedComponents((~is_opaque).view(np.uint8))
    edge = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return not np.isin(labels[~is_opaque], edge).all()
