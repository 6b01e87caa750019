"""``/v1/stream``: a WebSocket whose drawings go to one StreamingRecognize call at a time.

A binary message is four bytes of sequence (big-endian) and an encoded image. The response to each
is a text message: a StreamingRecognizeResponse as JSON. While the digits server is away the socket
stays open: each drawing then has an error, and the next one tries again.
"""

import asyncio
import collections
import contextlib
import logging
from typing import Final

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from digits.v1 import recognizer_pb2 as pb
from digits_client.stream_status import read_responses

from .problems import ProblemError
from .proto_json import to_json
from .requests import read_flag, read_layout
from .upstream import StreamCall, Upstream

logger = logging.getLogger(__name__)

SEQUENCE_BYTES: Final = 4
SUBPROTOCOL: Final = "digits.v1"
# A call holds one of the streams that the digits server allows: an idle page has none.
IDLE_SECONDS: Final = 20.0


class DrawingSocket:
    """One open WebSocket. Of the drawings that wait to be sent, only the newest is kept."""

    def __init__(self, socket: WebSocket, upstream: Upstream) -> None:
        """Prepare to serve.

        Args:
            socket: An accepted WebSocket.
            upstream: The digits server.

        Raises:
            ProblemError: The query is not valid.
        """
        self._socket = socket
        self._upstream = upstream
        self._layout = read_layout(socket.query_params)
        self._include_frame = read_flag(socket.query_params, "frame")
        self._newest: pb.StreamingRecognizeRequest | None = None
        self._has_drawing = asyncio.Event()
        self._call: StreamCall | None = None
        self._in_flight = collections.deque[int]()
        """Sequences in the call, in their order."""

    @property
    def has_call(self) -> bool:
        """Whether a call to the digits server is open."""
        return self._call is not None

    async def serve(self) -> None:
        """Recognize drawings until the browser closes the socket."""
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(self._send_drawings(tasks))
            try:
                await self._receive()
            except WebSocketDisconnect:
                pass
            finally:
                sending.cancel()
                self._end_call()

    async def _receive(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            content = event.get("bytes")
            if content is None or len(content) < SEQUENCE_BYTES:
                await self._socket.close(1003, "a message is 4 bytes of sequence and an image")
                return
            overtaken = self._newest
            self._newest = pb.StreamingRecognizeRequest(
                sequence=int.from_bytes(content[:SEQUENCE_BYTES], "big"),
                image=pb.Image(encoded=content[SEQUENCE_BYTES:]),
                include_frame=self._include_frame,
                layout=self._layout,
            )
            self._has_drawing.set()
            if overtaken is not None:
                await self._respond(
                    pb.StreamingRecognizeResponse(sequence=overtaken.sequence, superseded=True)
                )

    async def _send_drawings(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            try:
                # Without a call there is nothing to end.
                async with asyncio.timeout(IDLE_SECONDS if self._call else None):
                    await self._has_drawing.wait()
            except TimeoutError:
                if not self._in_flight:
                    self._end_call()
                continue
            drawing, self._newest = self._newest, None
            self._has_drawing.clear()
            if drawing is None:
                continue
            try:
                if self._call is None:
                    self._call = self._upstream.open_stream()
                    tasks.create_task(self._forward_responses(self._call))
            except ProblemError as problem:
                await self._fail([drawing.sequence], problem)
                continue
            self._in_flight.append(drawing.sequence)
            # Where the call has ended, the task that reads it reports why.
            with contextlib.suppress(grpc.RpcError, asyncio.InvalidStateError):
                await self._call.write(drawing)

    async def _forward_responses(self, call: StreamCall) -> None:
        problem = None
        try:
            async for response in read_responses(call):
                if self._in_flight and self._in_flight[0] == response.sequence:
                    self._in_flight.popleft()
                await self._respond(response)
        except grpc.RpcError as error:
            if self._call is call:
                problem = self._upstream.problem(error)
        except asyncio.CancelledError:  # of the call, unless this task is cancelled
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        if self._call is not call:
            return
        self._call = None
        sequences = list(self._in_flight)
        self._in_flight.clear()
        await self._fail(
            sequences, problem or ProblemError(503, "the digits server ended the stream; draw on")
        )

    def _end_call(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    async def _fail(self, sequences: list[int], problem: ProblemError) -> None:
        for sequence in sequences:
            await self._respond(
                pb.StreamingRecognizeResponse(sequence=sequence, error=problem.to_status())
            )

    async def _respond(self, response: pb.StreamingRecognizeResponse) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has just closed
                await self._socket.send_text(to_json(response))
