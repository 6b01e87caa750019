"""Reading a request and writing an answer: by protobuf's classes, or by hand for this one shape."""

import struct

from benchmarks.choices.comparison import Choice, in_turn
from benchmarks.limits import requests
from benchmarks.limits.decoding import microseconds
from digits.v1 import recognizer_pb2 as pb

PROBS = tuple((10 - place) / 55 for place in range(10))


def by_protobuf(content: bytes) -> bytes:
    """Do what a call with one raw image does."""
    image = pb.RecognizeRequest.FromString(content).image
    if len(image.raw.data) != image.raw.width * image.raw.height:
        raise ValueError("not the size")
    return pb.RecognizeResponse(
        predictions=[
            pb.Prediction(
                verdict=pb.VERDICT_DIGIT,
                digit=3,
                confidence=PROBS[0],
                probabilities=PROBS,
                model_version="4",
            )
        ]
    ).SerializeToString()


class ByHand:
    """The same bytes, for requests that begin and end exactly as the first, and that shape only."""

    def __init__(self, content: bytes) -> None:
        """Learn the bytes round the pixels, and those round the numbers of the answer."""
        pixels = pb.RecognizeRequest.FromString(content).image.raw.data
        self._begin = content.index(pixels)
        self._head = content[: self._begin]
        self._end = self._begin + len(pixels)
        answer = by_protobuf(content)
        size = _numbers_size()
        self._numbers = struct.Struct(f"<{size[1]}{size[0]}")
        packed = self._numbers.pack(*PROBS)
        self._before, _, self._after = answer.partition(packed)

    def __call__(self, content: bytes) -> bytes:
        """Do what a call with one raw image does."""
        if content[: self._begin] != self._head or len(content) != self._end:
            raise ValueError("another shape")
        pixels = memoryview(content)[self._begin : self._end]
        if len(pixels) != 28 * 28:
            raise ValueError("not the size")
        return b"".join((self._before, self._numbers.pack(*PROBS), self._after))


def measure(rounds: int) -> Choice:
    """Compare the two, which have to give the same bytes."""
    content = requests.one(requests.Form.RAW28)
    by_hand = ByHand(content)
    if by_hand(content) != by_protobuf(content):
        raise AssertionError("the two ways differ")
    return Choice(
        "serializers",
        "Is it worth reading and writing messages by hand?",
        "protobuf",
        "µs a call",
        is_less_better=True,
        ways=in_turn(
            {
                "protobuf": lambda: microseconds(lambda: by_protobuf(content), 0.3),
                "by hand": lambda: microseconds(lambda: by_hand(content), 0.3),
            },
            rounds,
        ),
        note="By hand is the least that is possible: one shape of message, and nothing else read.",
    )


def _numbers_size() -> tuple[str, int]:
    field = pb.Prediction.DESCRIPTOR.fields_by_name["probabilities"]
    return ("f" if field.type == field.TYPE_FLOAT else "d", len(PROBS))
