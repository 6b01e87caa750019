"""The body of a correction: a drawing, what it shows, and what was read in it."""

import base64
import binascii
import contextlib
import io
import json
import math
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from PIL import Image

from digits.v1 import recognizer_pb2 as pb
from digits_client import responses
from digits_client.draw.drawing import Drawing
from digits_client.draw.strokes import Stroke
from digits_client.errors import DigitsError
from digits_client.results import Box, Number

from .problems import ProblemError

NOT_A_DIGIT_TEXT: Final = "not a digit"
MAX_DIGITS: Final = 32
MAX_PIXELS: Final = 2**24
MAX_POINTS: Final = 50_000
"""Points of all strokes together."""
_MAX_COORDINATE: Final = 10_000.0
_MAX_STROKE_WIDTH: Final = 400.0


class CorrectionRequest(NamedTuple):
    """A correction that a person asks to keep."""

    drawing: Drawing
    label: str
    """The digits that the person meant, or NOT_A_DIGIT_TEXT."""
    boxes: list[Box]
    """Where each digit is, in pixels of the drawing; may be empty."""
    number: Number | None
    """What was read, if anything was."""


def read_correction(content: bytes) -> CorrectionRequest:
    """Read the body of a request.

    Raises:
        ProblemError: The body is not valid.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise ProblemError(400, "the body is not valid JSON") from None
    if not isinstance(body, dict):
        raise ProblemError(400, "the body is not an object")
    label = str(body.get("label"))
    is_number = label.isascii() and label.isdigit() and isinstance(body["label"], str)
    if label != NOT_A_DIGIT_TEXT and not (is_number and len(label) <= MAX_DIGITS):
        raise ProblemError(400, f"label is not 1 to {MAX_DIGITS} digits or {NOT_A_DIGIT_TEXT!r}")
    image = _read_image(body.get("image"))
    drawing = Drawing()
    strokes = _read_strokes(body.get("strokes"))
    if strokes:
        drawing.set_width(image.width)
        for stroke in strokes:
            drawing.begin_stroke(stroke.points[0], stroke.width, erases=stroke.erases)
            for point in stroke.points[1:]:
                drawing.extend_stroke(point)
            drawing.end_stroke()
    else:
        drawing.show_picture(image)
    return CorrectionRequest(
        drawing, label, _read_boxes(body.get("boxes"), image), _read_number(body.get("prediction"))
    )


def _read_image(value: Any) -> Image.Image:
    try:
        content = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        image = Image.open(io.BytesIO(content), formats=("PNG",))
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        image.load()
    except Image.DecompressionBombError:  # Pillow has a limit too, which is higher
        raise ProblemError(413, f"the image has more than {MAX_PIXELS} pixels") from None
    except (binascii.Error, OSError, ValueError, SyntaxError):  # as Pillow raises them
        raise ProblemError(400, "image is not a PNG file as base64") from None
    return image


def _read_strokes(value: Any) -> list[Stroke]:
    strokes = []
    point_count = 0
    for each in _list("strokes", value):
        with contextlib.suppress(KeyError, TypeError, ValueError, IndexError, OverflowError):
            points = tuple(_point(point) for point in each["points"])
            width = float(each["width"])
            point_count += len(points)
            if point_count > MAX_POINTS:
                raise ProblemError(413, f"the strokes have more than {MAX_POINTS} points")
            if points and 0 < width <= _MAX_STROKE_WIDTH:
                strokes.append(Stroke(points, width, bool(each.get("erases", False))))
                continue
        raise ProblemError(400, "strokes is not a list of strokes with points and a width")
    return strokes


def _point(value: Any) -> tuple[float, float]:
    x, y = float(value[0]), float(value[1])  # a pressure may follow
    if not (math.isfinite(x) and math.isfinite(y) and max(abs(x), abs(y)) <= _MAX_COORDINATE):
        raise ValueError("the point is far from the sheet")
    return x, y


def _read_boxes(value: Any, image: Image.Image) -> list[Box]:
    boxes = []
    for each in _list("boxes", value):
        try:
            box = Box(*(int(each.get(side, 0)) for side in Box._fields))
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ProblemError(400, "boxes is not a list of boxes") from None
        is_inside = 0 <= box.left < image.width and 0 <= box.top < image.height
        if not is_inside or not (1 <= box.width <= image.width and 1 <= box.height <= image.height):
            raise ProblemError(400, "boxes has a box that is not in the image")
        boxes.append(box)
    return boxes


def _read_number(value: Any) -> Number | None:
    """Return what was read, by the response as the gateway sent it; None for any other."""
    if not isinstance(value, dict):
        return None
    response = pb.StreamingRecognizeResponse()
    try:
        json_format.ParseDict(value, response, ignore_unknown_fields=True)
        return responses.to_number(response)
    except (json_format.ParseError, DigitsError, RecursionError):
        return None


def _list(field: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_POINTS:
        raise ProblemError(400, f"{field} is not a list")
    return value
