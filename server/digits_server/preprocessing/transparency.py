"""The color of the paper behind an image with transparent parts."""

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


def paper_color(sample: Image.Image) -> tuple[int, ...]:
    """Return the color that transparent pixels take, so that the ink stays visible.

    What is opaque may be a card with ink on it, such as a scan with rounded corners. Then the
    paper has the color of the card's ground. Otherwise it is the ink itself, or paper of one color
    with holes. Then the paper is white or black, whichever contrasts with it. Colors of
    transparent pixels have no effect.

    Args:
        sample: Pixels of the image, RGBA.

    Returns:
        Red, green and blue.
    """
    pixels = np.asarray(sample)
    colors, alpha = pixels[..., :3], pixels[..., 3]
    is_opaque = alpha > int(alpha.max()) // 2
    if not is_opaque.any():
        return _WHITE
    opaque_colors = colors[is_opaque]
    # The median, of whole numbers, which sort in a fraction of the time that np.median takes.
    ground = np.sort(opaque_colors.T)[:, len(opaque_colors) // 2].astype(np.int16)
    is_ink = np.abs(opaque_colors - ground).max(axis=1) > _INK_LEVELS
    if is_ink.mean() > _INK_SHARE:
        _, _, width, height = cv2.boundingRect(is_opaque.view(np.uint8))
        is_card = is_opaque.sum() >= _CARD_FILL * width * height
    else:
        is_card = is_opaque.mean() >= _BLANK_CARD_SHARE and not _has_holes(is_opaque)
    if is_card:
        return tuple(ground.tolist())
    is_light = np.asarray(Image.fromarray(opaque_colors[np.newaxis]).convert("L")).mean() > 127
    return _BLACK if is_light else _WHITE


def flatten(image: Image.Image, paper: tuple[int, ...]) -> Image.Image:
    """Return an image with transparency on paper of a color, as RGB."""
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema() != (255, 255):  # else it is opaque
        image = Image.alpha_composite(Image.new("RGBA", image.size, paper), image)
    return image.convert("RGB")


def _has_holes(is_opaque: NDArray[np.bool_]) -> bool:
    """Return whether transparent pixels lie apart from those at the edge of the image."""
    _, labels = cv2.connectedComponents((~is_opaque).view(np.uint8))
    edge = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    return not np.isin(labels[~is_opaque], edge).all()
