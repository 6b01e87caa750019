"""What a decoding process sends, which is not trusted."""

import json
from typing import Any

import numpy as np
import pytest

from digits_server.decoders.messages import pack_frames, unpack_frames
from digits_server.errors import InvalidArgumentError
from digits_server.preprocessing.framing import Frames
from digits_server.preprocessing.reason import Reason

FRAME = np.full((28, 28), 0.5, np.float32)
INVALID = InvalidArgumentError("image", "is unset")


def two_readings_and_more() -> Frames:
    """Return an image with two frames, an invalid one, one that is too small, and a blank one."""
    return Frames(
        np.stack([FRAME, FRAME / 2]),
        np.array([0, 0], np.intp),
        np.array([0, 0], np.uint8),
        np.ones((2, 4), np.intp),
        np.array([0, 0, Reason.TOO_SMALL, 0], np.uint8),
        np.array([2, 0, 0, 1], np.uint32),
        {1: INVALID},
    )


def message(pixels: bytes = FRAME.tobytes(), **changes: Any) -> bytes:
    """Return a response with one frame of one image, changed."""
    columns = {
        "owners": [0],
        "readings": [0],
        "boxes": [[3, 4, 5, 6]],
        "failures": [0],
        "unread_pages": [0],
        "errors": [],
        "lines": [],
    }
    return json.dumps(columns | changes).encode() + b"\n" + pixels


LINE: dict[str, Any] = {
    "image": 0,
    "view": 0,
    "columns": [10.5, 11.5, 40.0],
    "top": -3.5,
    "scale": 1.25,
    "image_size": [60, 50],
}
STRIP = np.full((28, 3), 0.25, np.float32)
BOTH = FRAME.tobytes() + STRIP.tobytes()


def message_with_line(pixels: bytes = BOTH, **changes: Any) -> bytes:
    """Return a response with a line of three columns, changed."""
    return message(pixels, lines=[LINE | changes])


def test_frames_arrive_as_they_were_sent() -> None:
    sent = two_readings_and_more()
    found = unpack_frames(pack_frames(sent))
    for column in ("pixels", "owners", "readings", "boxes", "failures", "unread_pages"):
        np.testing.assert_array_equal(getattr(found, column), getattr(sent, column))
        assert getattr(found, column).dtype == getattr(sent, column).dtype
    assert {index: str(error) for index, error in found.errors.items()} == {1: str(INVALID)}


def test_a_plain_response_is_valid() -> None:
    assert len(unpack_frames(message())) == 1


def test_lines_arrive_as_they_were_sent() -> None:
    sent = unpack_frames(message_with_line())
    [line] = sent.lines
    np.testing.assert_array_equal(line.strip, STRIP)
    [again] = unpack_frames(pack_frames(sent)).lines
    for one, other in zip(line, again, strict=True):
        np.testing.assert_array_equal(one, other)
        assert type(one) is type(other)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        message(b""),
        message(FRAME.tobytes() * 2),
        message(b"123"),
        message((FRAME * 3).tobytes()),
        message((FRAME * -1).tobytes()),
        message((FRAME * np.nan).tobytes()),
        message(owners=[1]),
        message(owners=[-1]),
        message(owners=["a"]),
        message(owners=[[0]]),
        message(owners=None),
        message(FRAME.tobytes() * 2, owners=[1, 0], readings=[0, 0]),
        message(readings=[200]),
        message(readings=[256]),
        message(readings=[0, 0]),
        message(failures=[]),
        message(failures=[2]),  # of an image that has a frame
        message(b"", owners=[], readings=[], failures=[99]),
        message(b"", owners=[], readings=[], failures=[], unread_pages=[]),
        message(unread_pages=[0, 0]),
        message(unread_pages=[-1]),
        message(unread_pages=[2**32]),
        message(errors=[[0, "image", "has a frame and an error"]]),
        message(errors=[[7, "image", "is not there"]]),
        message(errors=[[0]]),
        message(errors=7),
        message(boxes=[]),
        message(boxes=[[0, 0, 0, 5]]),
        message(boxes=[[-1, 0, 5, 5]]),
        message(boxes=[[0, 0, 5, 2**31]]),
        message(lines=7),
        message(lines=[7]),
        message_with_line(FRAME.tobytes()),
        message_with_line(BOTH + b"1234"),
        message_with_line(FRAME.tobytes() + (STRIP * np.nan).tobytes()),
        message_with_line(FRAME.tobytes() + (STRIP * 5).tobytes()),
        message_with_line(FRAME.tobytes(), columns=[]),
        message_with_line(columns=[1.0, 2.0]),
        message_with_line(columns=[[1.0, 2.0, 3.0]]),
        message_with_line(columns=[1.0, 2.0, float("nan")]),
        message_with_line(columns=["a", 2.0, 3.0]),
        message_with_line(image=1),
        message_with_line(image=-1),
        message_with_line(image="first"),
        message_with_line(view=-1),
        message_with_line(top=float("inf")),
        message_with_line(top=None),
        message_with_line(scale=0),
        message_with_line(scale=float("nan")),
        message_with_line(scale=float("inf")),
        message_with_line(image_size=[60]),
        message_with_line(image_size=[60, 0]),
        message_with_line(image_size=[2**31, 50]),
    ],
)
def test_an_invalid_response_is_rejected(content: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError, OverflowError)):
        unpack_frames(content)
