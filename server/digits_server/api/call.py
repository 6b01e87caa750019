"""What both servicers need of a call: its context, its deadline and the limits on its request."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from digits_server.preprocessing.decode import ImageLimits

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True)
class ServiceLimits:
    """The largest request that the service accepts, as GetModel reports it."""

    image: ImageLimits
    max_batch_images: int
    max_message_bytes: int


def remaining_seconds_of(context: Context) -> float:
    """Return the time until the deadline of a call; infinity if it has none."""
    remaining_seconds = context.time_remaining()
    if remaining_seconds is None:
        return math.inf
    return remaining_seconds


def deadline_of(context: Context) -> float:
    """Return the deadline of a call on the event loop's clock; infinity if it has none."""
    return asyncio.get_running_loop().time() + remaining_seconds_of(context)
