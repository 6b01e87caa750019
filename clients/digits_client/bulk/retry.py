"""Retries of batches: which errors are worth another attempt, and which are not.

unavailable, deadline, overloaded    retry after a wait, until it is time to give up
too large for one message            retry in halves
failure of the server                retry, then in halves, so that an image that causes the
                                     failure is the only one with the error
no access, unknown method            do not retry
"""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

import grpc

from digits_client.errors import (
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)

from .sender import BatchResult, BatchSender

GIVE_UP_SECONDS: Final = 60.0
"""The default for the longest time without a response to any message."""

MESSAGE_SECONDS: Final = 30.0
"""The deadline of a message of many images."""

_FIRST_WAIT_SECONDS: Final = 0.2
_LONGEST_WAIT_SECONDS: Final = 5.0
# A transient failure is over by the third attempt.
_FAILURE_ATTEMPTS: Final = 3
_NOT_RETRIED: Final = frozenset({grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND})


class RetryingClient:
    """Recognizes batches, retrying while the server is unavailable.

    Waits between attempts grow and are partly random, so that many clients of a server that
    has come back do not all call at the same time.
    """

    def __init__(self, sender: BatchSender, give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        """Wrap a sender.

        Args:
            sender: Sends the batches.
            give_up_seconds: The longest time without a response to any message.
        """
        self._sender = sender
        self._give_up_seconds = give_up_seconds
        self._last_response_at = time.monotonic()

    async def recognize(self, images: Sequence[bytes]) -> list[BatchResult]:
        """Return the result of each image, in order: its prediction or its own error.

        Args:
            images: Encoded images that fit into one message.

        Raises:
            DigitsError: No message had a response for ``give_up_seconds``, or the error is
                one that a retry cannot resolve.
        """
        return await self._recognize(images, time.monotonic()) if images else []

    async def _recognize(self, images: Sequence[bytes], started_at: float) -> list[BatchResult]:
        attempts = 0
        while True:
            attempts += 1
            try:
                results = await self._sender.send(images, MESSAGE_SECONDS)
            except (UnavailableError, DeadlineError, OverloadedError) as error:
                if isinstance(error, OverloadedError) and error.retry_after_seconds is None:
                    return await self._bisect(images, started_at, error)
                await self._wait(attempts, started_at, error)
                if isinstance(error, DeadlineError) and len(images) > 1:
                    return await self._bisect(images, started_at, error)
            except InvalidImageError as error:
                return await self._bisect(images, started_at, error)
            except ServerFailureError as error:
                if error.code in _NOT_RETRIED:
                    raise
                if attempts == _FAILURE_ATTEMPTS:
                    return await self._bisect(images, started_at, error)
                await self._wait(attempts, started_at, error)
            else:
                self._last_response_at = time.monotonic()
                return results

    async def _bisect(
        self, images: Sequence[bytes], started_at: float, error: DigitsError
    ) -> list[BatchResult]:
        """Recognize each half on its own; a single image gets the error as its result."""
        if len(images) == 1:
            return [error]
        middle = len(images) // 2
        return [
            *await self._recognize(images[:middle], started_at),
            *await self._recognize(images[middle:], started_at),
        ]

    async def _wait(self, attempts: int, started_at: float, error: DigitsError) -> None:
        """Wait before the next attempt.

        Raises:
            DigitsError: The error itself, if it is time to give up.
        """
        # Time without a message in flight does not count: the items may have been slow to come.
        waiting_since = max(self._last_response_at, started_at)
        if time.monotonic() - waiting_since > self._give_up_seconds:
            raise error
        longest = min(_FIRST_WAIT_SECONDS * 2**attempts, _LONGEST_WAIT_SECONDS)
        retry_after = error.retry_after_seconds if isinstance(error, OverloadedError) else None
        await asyncio.sleep((retry_after or 0) + random.uniform(0, longest))  # noqa: S311 - not a secret
