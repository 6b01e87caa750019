"""The processes of the load generator, from the side of the process that starts them."""

import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Final, Self, TypeVar

from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError, UnavailableError

from .recording import Recording, merge_concurrent
from .worker import Assignment, Counts, Failed, Progress, Ready, Start, Stop, run_worker
from .workload import Workload

START_SECONDS: Final = 60.0
# The start lies this far ahead, so that the command has reached every process by then.
_HEAD_START_SECONDS: Final = 0.1
# A busy process reports a little late.
_GRACE_SECONDS: Final = 15.0

Message = TypeVar("Message")


class GeneratorError(DigitsError):
    """A process of the load generator ended or stopped responding."""


class GeneratorProcesses:
    """Processes that together produce a load, from a common start on."""

    def __init__(self, server: ServerOptions, workload: Workload) -> None:
        """Spawn the processes; each imports its modules again, because gRPC cannot be forked."""
        context = multiprocessing.get_context("spawn")
        self._workload = workload
        self._pipes: list[Pipe] = []
        self._processes = []
        # Only this process acts on Ctrl-C: its children inherit that the signal is ignored.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for index in range(workload.processes):
                ours, theirs = context.Pipe()
                assignment = Assignment(server, workload, index)
                process = context.Process(target=run_worker, args=(assignment, theirs), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
        finally:
            signal.signal(signal.SIGINT, handler)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            # Its counts have been received, or are not needed.
            process.terminate()
            process.join()

    def start(self) -> None:
        """Wait until all processes have reached the server, and start the load.

        Raises:
            DigitsError: A process cannot reach it.
        """
        self._receive(Ready, START_SECONDS + self._workload.timeout_seconds)
        self._send(Start(time.monotonic() + _HEAD_START_SECONDS))

    def wait_for_repeat(self) -> Progress:
        """Wait for the end of the next repeat, and return its counts so far.

        Raises:
            GeneratorError: A process does not report it in time.
        """
        timeout = self._workload.warmup_seconds + self._workload.repeat_seconds + _GRACE_SECONDS
        replies = self._receive(Progress, timeout)
        return Progress(
            sum(reply.due for reply in replies), sum(reply.ok_calls for reply in replies)
        )

    def stop(self) -> list[Recording]:
        """Stop the load, and return the recording of every repeat; the last may be cut short.

        Raises:
            GeneratorError: A process does not send its recordings in time.
        """
        self._send(Stop(time.monotonic()))
        # A stream may need the timeout twice: for its last write, and for the responses.
        counts = self._receive(Counts, 2 * self._workload.timeout_seconds + _GRACE_SECONDS)
        by_repeat = zip(*(each.recordings for each in counts), strict=True)
        return [merge_concurrent(recordings) for recordings in by_repeat]

    def _send(self, command: object) -> None:
        for pipe in self._pipes:
            try:
                pipe.send(command)
            except BrokenPipeError:
                raise GeneratorError("a process of the load generator ended") from None

    def _receive(self, kind: type[Message], timeout_seconds: float) -> Sequence[Message]:
        """Return the next reply of a kind from each process, dropping outdated other replies."""
        deadline = time.monotonic() + timeout_seconds
        return [self._receive_from(pipe, kind, deadline) for pipe in self._pipes]

    def _receive_from(self, pipe: Pipe, kind: type[Message], deadline: float) -> Message:
        while True:
            try:
                if not pipe.poll(max(0.0, deadline - time.monotonic())):
                    break
                reply = pipe.recv()
            except (EOFError, ConnectionResetError, BrokenPipeError):  # the last one on Windows
                raise GeneratorError("a process of the load generator ended") from None
            if isinstance(reply, Failed):
                raise UnavailableError(reply.reason)
            if isinstance(reply, kind):
                return reply
        raise GeneratorError("a process of the load generator does not respond")
