"""Files to gray pixels: Pillow for all, OpenCV for all, or as the server does."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.limits import requests
from benchmarks.limits.decoding import microseconds
from digits_server.images import FORMATS, decode

SECONDS = 0.2


def by_pillow(content: bytes) -> NDArray[np.uint8]:
    """Decode by Pillow: the formats are those that are accepted."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return np.asarray(image.convert("L"))


def by_opencv(content: bytes) -> NDArray[np.uint8]:
    """Decode by OpenCV: no choice of formats, no size seen beforehand, no paper."""
    gray = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        raise ValueError("no image")
    return np.asarray(gray, np.uint8)


def as_served(content: bytes) -> NDArray[np.uint8]:
    """Decode with all the checks."""
    return decode(content, requests.LIMITS)


def measure(rounds: int) -> Choice:
    """Decode the same files each way."""
    cv2.setNumThreads(1)  # as the server does
    large = requests.several(requests.Form.PNG300)[0].encoded
    files = {
        "PNG 28": requests.several(requests.Form.PNG28)[0].encoded,
        "PNG 300": large,
        "JPEG 300": _jpeg(large),
    }
    ways = {}
    for name, content in files.items():
        for way, decoder in (
            ("Pillow", by_pillow),
            ("OpenCV", by_opencv),
            ("the server", as_served),
        ):
            ways[f"{name}: {way}"] = lambda content=content, decoder=decoder: microseconds(
                lambda: decoder(content), SECONDS
            )
    return Choice(
        "decoders",
        "What decodes images?",
        "the server",
        "µs an image",
        is_less_better=True,
        ways=in_turn(ways, rounds),
        note=(
            "The server's way is with all checks: format and size before decoding, orientation, "
            "transparency. The other two are without."
        ),
    )


def _jpeg(content: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("L").save(buffer, "JPEG")
    return buffer.getvalue()
