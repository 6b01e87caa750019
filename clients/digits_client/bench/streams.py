"""The load of people who draw: streams of drawings that do not wait for responses."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import grpc

from digits.v1 import recognizer_pb2 as pb
from digits_client.stream_status import read_responses

from .calls import StreamCall, error_outcome, image_error_outcome
from .recording import OK, SUPERSEDED, Meter, Outcome
from .schedule import wait_until_due

UNANSWERED: Final = "UNANSWERED"
"""Status of a drawing whose stream ended normally without a response to it; not a gRPC status."""


class Stream:
    """The drawings of one person. The next drawing reopens a stream that broke."""

    def __init__(
        self,
        open_call: Callable[[], StreamCall],
        requests: Iterator[bytes],
        meter: Meter,
        timeout_seconds: float,
    ) -> None:
        """Store the arguments; the first drawing opens the stream.

        Args:
            open_call: Opens a stream.
            requests: Serialized requests without a sequence number, without end.
            meter: Counts each drawing as a call.
            timeout_seconds: The longest time for the server to accept a drawing, and at the end
                to send the outstanding responses.
        """
        self._timeout_seconds = timeout_seconds
        self._open_call = open_call
        self._requests = requests
        self._meter = meter
        self._call: StreamCall | None = None
        self._reader: asyncio.Task[None] | None = None
        self._pending: dict[int, float] = {}
        """Due times of the open stream's drawings that have no response yet, by sequence."""
        self._sequence = 0

    async def draw(self, due_times: Iterator[float], stop: asyncio.Event) -> None:
        """Send each drawing when it is due.

        Args:
            due_times: Times on the clock of the event loop, without end.
            stop: Ends the stream once the drawings that were sent have their responses.
        """
        idle_since = self._meter.now()
        async for due in wait_until_due(due_times, stop, self._meter.call_never_started):
            # Time spent in a blocked write is not lag: it is the server that does not read.
            self._meter.call_started(due, self._meter.now() - max(due, idle_since))
            await self._send(due)
            idle_since = self._meter.now()
        if self._call and self._reader:
            await self._call.done_writing()
            await asyncio.wait({self._reader}, timeout=self._timeout_seconds)
            self._call.cancel()
            await asyncio.wait({self._reader})

    async def _send(self, due: float) -> None:
        if self._call is None or self._call.done():
            self._call, self._pending = self._open_call(), {}
            self._reader = asyncio.create_task(self._read(self._call, self._pending))
        call, pending = self._call, self._pending
        self._sequence += 1
        pending[self._sequence] = due
        sequence = pb.StreamingRecognizeRequest(sequence=self._sequence)
        # Where the call has ended, the task that reads it counts its drawings.
        with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            async with asyncio.timeout(self._timeout_seconds):  # cancels the call
                # Concatenated serialized messages parse as one merged message.
                await call.write(sequence.SerializeToString() + next(self._requests))

    async def _read(self, call: StreamCall, pending: dict[int, float]) -> None:
        end = _outcome_of_status(UNANSWERED)
        try:
            async for response in read_responses(call):
                due = pending.pop(response.sequence, None)
                if due is not None:
                    self._meter.call_ended(due, _outcome(response))
        except grpc.RpcError as error:
            end = error_outcome(error, 1)
        except asyncio.CancelledError:  # the call was cancelled after its timeout
            end = _outcome_of_status(grpc.StatusCode.DEADLINE_EXCEEDED.name)
        for due in pending.values():
            self._meter.call_ended(due, end)
        pending.clear()


def _outcome(response: pb.StreamingRecognizeResponse) -> Outcome:
    if response.superseded:
        return _outcome_of_status(SUPERSEDED)
    if response.HasField("error"):
        return image_error_outcome(response.error)
    return _outcome_of_status(OK)


def _outcome_of_status(status: str) -> Outcome:
    return Outcome(status, {status: 1})
