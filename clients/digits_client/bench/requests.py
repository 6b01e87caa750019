"""The requests that are sent again and again, made into bytes once."""

import itertools
import math
from collections.abc import Sequence
from typing import Final

from digits.v1 import recognizer_pb2 as pb

from .calls import Kind

# So many different batches at most: each holds its images.
_MOST_BATCHES: Final = 16


def requests(kind: Kind, images: Sequence[pb.Image], images_a_call: int) -> list[bytes]:
    """Return all different requests.

    Args:
        kind: Of the call. Those of a stream still lack their sequence.
        images: To send.
        images_a_call: In each of a batch.
    """
    match kind:
        case Kind.UNARY:
            return [pb.RecognizeRequest(image=image).SerializeToString() for image in images]
        case Kind.STREAM:
            return [
                pb.StreamingRecognizeRequest(image=image).SerializeToString() for image in images
            ]
        case Kind.BATCH:
            count = min(math.ceil(len(images) / images_a_call), _MOST_BATCHES)
            endless = itertools.cycle(images)
            return [
                pb.RecognizeBatchRequest(
                    images=itertools.islice(endless, images_a_call)
                ).SerializeToString()
                for _ in range(count)
            ]
        case Kind.NOOP:
            return [pb.GetModelRequest().SerializeToString()]
