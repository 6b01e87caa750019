"""The requests of a workload, serialized once and sent over and over."""

import itertools
import math
from collections.abc import Sequence
from typing import Final

from digits.v1 import recognizer_pb2 as pb

from .workload import CallKind

# Bounds memory: every batch holds its images.
_MAX_BATCHES: Final = 16


def build_requests(kind: CallKind, images: Sequence[pb.Image], batch_size: int) -> list[bytes]:
    """Return the distinct requests of a workload, serialized.

    Args:
        kind: The method. Requests of a stream still lack their sequence number.
        images: The images to send.
        batch_size: Images per request, for batches.
    """
    match kind:
        case CallKind.UNARY:
            return [pb.RecognizeRequest(image=image).SerializeToString() for image in images]
        case CallKind.NUMBER:
            return [
                pb.RecognizeRequest(image=image, layout=pb.LAYOUT_NUMBER).SerializeToString()
                for image in images
            ]
        case CallKind.STREAM:
            return [
                pb.StreamingRecognizeRequest(image=image).SerializeToString() for image in images
            ]
        case CallKind.BATCH:
            count = min(math.ceil(len(images) / batch_size), _MAX_BATCHES)
            endless = itertools.cycle(images)
            return [
                pb.RecognizeBatchRequest(
                    images=itertools.islice(endless, batch_size)
                ).SerializeToString()
                for _ in range(count)
            ]
        case CallKind.NOOP:
            return [pb.GetModelRequest().SerializeToString()]
