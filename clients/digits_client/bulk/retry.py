"""Asking a server for as long as that may help: what is worth another try, and what is not.

away, ending, overloaded, too late     try again after a while, until it is given up
too much for one message               try again by halves
a fault of the server                  try again, then by halves, so that an image which
                                       brings the fault about has it alone
no access, not known to the server     never
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import grpc

from digits_client.errors import (
    AccessError,
    DeadlineError,
    DigitsError,
    InvalidImageError,
    OverloadedError,
    ServerFailureError,
    UnavailableError,
)
from digits_client.results import Model, Prediction

GIVE_UP_SECONDS: Final = 60.0
"""Without an answer to any message, by default."""

MESSAGE_SECONDS: Final = 30.0
"""The deadline of a message of many images."""

_FIRST_WAIT_SECONDS: Final = 0.2
_LONGEST_WAIT_SECONDS: Final = 5.0
# A fault that passes is gone by the third try.
_FAULT_TRIES: Final = 3
_NEVER_AGAIN: Final = frozenset({grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND})

Results = list[Prediction | DigitsError]


class BatchClient(Protocol):
    """What a bulk run needs of a client; ``AsyncClient`` is one."""

    async def recognize_batch(
        self, images: Iterable[bytes], *, timeout_seconds: float | None = None
    ) -> Results:
        """Return the prediction or the error of each image, in order."""

    async def model(self) -> Model:
        """Return the server's model and its limits."""


class RetryingClient:
    """Gets answers to messages of images in spite of what befalls the server.

    Waits between tries grow and are random in part, so that many callers of a server that
    has come back do not all come at once.
    """

    def __init__(self, client: BatchClient, give_up_seconds: float = GIVE_UP_SECONDS) -> None:
        """Prepare to ask.

        Args:
            client: By which to ask.
            give_up_seconds: How long no message at all may have been answered.
        """
        self._client = client
        self._give_up_seconds = give_up_seconds
        self._answered_at = time.monotonic()

    async def recognize(self, images: Sequence[bytes]) -> Results:
        """Return the answer to each image: its prediction, or the error that it alone has.

        Args:
            images: The contents of image files, together no larger than a message.

        Raises:
            DigitsError: The server was given up, or asking again is of no use.
        """
        return await self._recognize(images, time.monotonic()) if images else []

    async def _recognize(self, images: Sequence[bytes], asked_at: float) -> Results:
        tries = 0
        while True:
            tries += 1
            try:
                answers = await self._client.recognize_batch(
                    images, timeout_seconds=MESSAGE_SECONDS
                )
            except (AccessError, UnavailableError, DeadlineError, OverloadedError) as error:
                if isinstance(error, AccessError):
                    raise
                if isinstance(error, OverloadedError) and error.retry_after_seconds is None:
                    return await self._by_halves(images, asked_at, error)
                await self._wait(tries, asked_at, error)
                if isinstance(error, DeadlineError) and len(images) > 1:
                    return await self._by_halves(images, asked_at, error)
            except InvalidImageError as error:
                return await self._by_halves(images, asked_at, error)
            except ServerFailureError as error:
                if error.code in _NEVER_AGAIN:
                    raise
                if tries == _FAULT_TRIES:
                    return await self._by_halves(images, asked_at, error)
                await self._wait(tries, asked_at, error)
            else:
                self._answered_at = time.monotonic()
                return answers

    async def _by_halves(
        self, images: Sequence[bytes], asked_at: float, error: DigitsError
    ) -> Results:
        if len(images) == 1:
            return [error]
        middle = len(images) // 2
        return [
            *await self._recognize(images[:middle], asked_at),
            *await self._recognize(images[middle:], asked_at),
        ]

    async def _wait(self, tries: int, asked_at: float, error: DigitsError) -> None:
        """Wait before the next try.

        Raises:
            DigitsError: The error, where it is time to give up.
        """
        # While nothing was asked, nothing could be answered: a list may have been slow to come.
        if time.monotonic() - max(self._answered_at, asked_at) > self._give_up_seconds:
            raise error
        longest = min(_FIRST_WAIT_SECONDS * 2**tries, _LONGEST_WAIT_SECONDS)
        asked_for = error.retry_after_seconds if isinstance(error, OverloadedError) else None
        await asyncio.sleep((asked_for or 0) + random.uniform(0, longest))  # noqa: S311 - no secret
