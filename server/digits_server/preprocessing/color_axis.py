"""The direction in which the colors of an image differ, where its brightness hardly does.

Red ink on green paper of the same brightness cannot be seen in black and white. It can be seen
along the axis from green to red.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Of red, green and blue: ITU-R BT.601, as Pillow has it.
_LUMINANCE: Final = np.array([0.299, 0.587, 0.114])
_LUMINANCE_SQUARES: Final = np.outer(_LUMINANCE, _LUMINANCE)
# Luminance is replaced where the axis spreads the colors this much wider.
_MIN_RATIO: Final = 3.0
# Less than this standard deviation along the axis, in levels, is the noise of a sensor or a codec.
_MIN_SPREAD: Final = 4.0


def find_color_axis(sample: Image.Image) -> NDArray[np.float32] | None:
    """Return the axis on which ink and ground differ, or None where luminance shows them.

    The axis is the main axis of the colors, scaled so that it maps them to 0..255.

    Args:
        sample: Pixels of the image, RGB.

    Returns:
        (1, 4) float32: the factors of red, green and blue, and what is added.
    """
    # OpenCV's functions, because the library behind NumPy's keeps 30 MB once it has been used.
    colors = np.asarray(sample, np.float32)
    # Without the light, which changes slowly: it is a difference of brightness, but not of ink.
    reach = max(3, max(colors.shape) // 2 | 1)
    colors = (colors - cv2.blur(colors, (reach, reach))).reshape(-1, 3)
    mean = np.zeros((1, 3), np.float32)
    covariance = cv2.mulTransposed(colors, aTa=True, delta=mean, scale=1 / len(colors))
    _, variances, axes = cv2.eigen(covariance)  # in descending order; an axis is a row
    axis = axes[0]
    length = np.abs(axis).sum()
    spread = np.sqrt(max(0.0, variances[0, 0])) / length
    luminance_spread = np.sqrt(max(0.0, float((covariance * _LUMINANCE_SQUARES).sum())))
    if spread < max(_MIN_SPREAD, _MIN_RATIO * luminance_spread):
        return None
    axis = axis / (length if axis.sum() >= 0 else -length)  # what is lighter stays lighter
    return np.array([[*axis, -255 * axis.clip(max=0).sum()]], np.float32)


def project(rgb: Image.Image, axis: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the place of each color along the axis.

    Args:
        rgb: (H, W) RGB.
        axis: (1, 4), as ``find_color_axis`` returns it.

    Returns:
        (H, W) uint8.
    """
    return np.asarray(cv2.transform(np.asarray(rgb), axis), np.uint8)
