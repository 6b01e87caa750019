"""The processes of the generator, seen from the command that starts them."""

import multiprocessing
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection as Pipe
from typing import Final, Self, TypeVar

from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError, UnavailableError

from .options import Options
from .recording import Recording, at_the_same_time
from .worker import Begin, Counted, Failed, Progress, Ready, Share, Stop, work

START_SECONDS: Final = 60.0
# From the signal to the begin, so that it has reached everyone by then.
_HEAD_START_SECONDS: Final = 0.1
# A process that is busy tells what it has to a little late.
_GRACE_SECONDS: Final = 15.0

Message = TypeVar("Message")


class GeneratorError(DigitsError):
    """A process of the generator ended, or says nothing."""


class Processes:
    """Makes the load of all processes, from a common signal on."""

    def __init__(self, options: Options, server: ServerOptions) -> None:
        """Start them; each imports what it needs by itself: gRPC does not bear a fork."""
        context = multiprocessing.get_context("spawn")
        self._options = options
        self._pipes: list[Pipe] = []
        self._processes = []
        # Ctrl-C is this process's to act on. What it ignores while it starts others, they ignore.
        acting = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for place in range(options.processes):
                ours, theirs = context.Pipe()
                share = Share(options, server, place)
                process = context.Process(target=work, args=(share, theirs), daemon=True)
                process.start()
                theirs.close()
                self._pipes.append(ours)
                self._processes.append(process)
        finally:
            signal.signal(signal.SIGINT, acting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            # One that has handed over its counts has nothing left to lose.
            process.terminate()
            process.join()

    def begin(self) -> None:
        """Wait until all have reached the server, and let them begin.

        Raises:
            DigitsError: One cannot reach it.
        """
        self._receive(Ready, START_SECONDS + self._options.timeout_seconds)
        self._tell(Begin(time.monotonic() + _HEAD_START_SECONDS))

    def next_repeat(self) -> Progress:
        """Wait for the end of a repeat, and return what became of its calls by then.

        Raises:
            GeneratorError: It does not come.
        """
        patience = self._options.warmup_seconds + self._options.seconds + _GRACE_SECONDS
        told = self._receive(Progress, patience)
        return Progress(sum(each.due for each in told), sum(each.answered for each in told))

    def stop(self) -> list[Recording]:
        """Return what was counted in each repeat; the last may have been cut short.

        Raises:
            GeneratorError: It does not come.
        """
        self._tell(Stop(time.monotonic()))
        # A stream has the deadline for its last drawing, and once more for the answers.
        counted = self._receive(Counted, 2 * self._options.timeout_seconds + _GRACE_SECONDS)
        by_repeat = zip(*(each.recordings for each in counted), strict=True)
        return [at_the_same_time(repeat) for repeat in by_repeat]

    def _tell(self, message: object) -> None:
        for pipe in self._pipes:
            try:
                pipe.send(message)
            except BrokenPipeError:
                raise GeneratorError("a process of the generator ended") from None

    def _receive(self, kind: type[Message], patience_seconds: float) -> Sequence[Message]:
        """Return the next message of a kind of each; those of other kinds are outdated."""
        deadline = time.monotonic() + patience_seconds
        return [self._receive_from(pipe, kind, deadline) for pipe in self._pipes]

    def _receive_from(self, pipe: Pipe, kind: type[Message], deadline: float) -> Message:
        while pipe.poll(max(0.0, deadline - time.monotonic())):
            try:
                message = pipe.recv()
            except (EOFError, ConnectionResetError):
                raise GeneratorError("a process of the generator ended") from None
            if isinstance(message, Failed):
                raise UnavailableError(message.reason)
            if isinstance(message, kind):
                return message
        raise GeneratorError("a process of the generator says nothing")
