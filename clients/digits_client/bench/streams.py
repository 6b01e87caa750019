"""The load of people who draw: streams of drawings that do not wait for answers."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from digits.v1 import recognizer_pb2 as pb

from .calls import StreamCall, failed, of_image
from .recording import ANSWERED, SUPERSEDED, Meter, Outcome
from .schedule import when_due

UNANSWERED: Final = "UNANSWERED"
"""No status of gRPC's: the stream ended well, but without this answer."""


class Stream:
    """One person who draws. A stream that breaks is opened anew by the next drawing."""

    def __init__(
        self,
        open_call: Callable[[], StreamCall],
        images: Iterator[bytes],
        meter: Meter,
        patience_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            open_call: Opens a stream.
            images: Requests without their sequence, without end.
            meter: Counts; each drawing is a call.
            patience_seconds: How long the server may not read, and at the end not answer.
        """
        self._patience_seconds = patience_seconds
        self._open_call = open_call
        self._images = images
        self._meter = meter
        self._call: StreamCall | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, float] = {}
        """When those drawings of the open stream were due that have no answer yet."""
        self._sequence = 0

    async def draw(self, due_times: Iterator[float], stop: asyncio.Event) -> None:
        """Send each drawing when it is due.

        Args:
            due_times: When, by the clock of the event loop, without end.
            stop: Ends it, once the drawings that were sent are answered.
        """
        free_since = self._meter.now()
        async for due in when_due(due_times, stop, self._meter.never_begun):
            # While a write waits, the server does not read: that is no fault of ours.
            self._meter.began(due, self._meter.now() - max(due, free_since))
            await self._send(due)
            free_since = self._meter.now()
        if self._call and self._reading:
            await self._call.done_writing()
            await asyncio.wait({self._reading}, timeout=self._patience_seconds)
            self._call.cancel()
            await asyncio.wait({self._reading})

    async def _send(self, due: float) -> None:
        if self._call is None or self._call.done():
            self._call, self._waiting = self._open_call(), {}
            self._reading = asyncio.create_task(self._read(self._call, self._waiting))
        call, waiting = self._call, self._waiting
        self._sequence += 1
        waiting[self._sequence] = due
        number = pb.StreamingRecognizeRequest(sequence=self._sequence)
        try:
            async with asyncio.timeout(self._patience_seconds):  # which cancels the call
                # Messages that are put together are merged by whoever reads them.
                await call.write(number.SerializeToString() + next(self._images))
        except (grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            code = await call.code()
            if waiting.pop(self._sequence, None) is not None:
                self._meter.ended(due, _of_status(code.name))

    async def _read(self, call: StreamCall, waiting: dict[int, float]) -> None:
        ending = _of_status(UNANSWERED)
        try:
            async for response in call:
                due = waiting.pop(response.sequence, None)
                if due is not None:
                    self._meter.ended(due, _outcome(response))
        except grpc.RpcError as error:
            ending = failed(error, 1)
        except asyncio.CancelledError:  # the call was, after its patience
            ending = _of_status(grpc.StatusCode.DEADLINE_EXCEEDED.name)
        for due in waiting.values():
            self._meter.ended(due, ending)
        waiting.clear()


def _outcome(response: pb.StreamingRecognizeResponse) -> Outcome:
    if response.superseded:
        return _of_status(SUPERSEDED)
    return of_image(response.error) if response.HasField("error") else _of_status(ANSWERED)


def _of_status(status: str) -> Outcome:
    return Outcome(status, {status: 1})
