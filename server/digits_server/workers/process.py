"""One process of a worker, which sends lines to its supervisor as a sign of life."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence
from typing import Final, Self

from digits_server.ops.process_group import own_group

# A process that waits for a device cannot be killed before the device responds.
KILL_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 1.0


class WorkerProcess:
    """A process, from start to exit."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._exit = asyncio.ensure_future(process.wait())

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start a command.

        Raises:
            OSError: The system is out of memory, or has too many processes.
        """
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                **own_group(),
            )
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def next_line(self, limit_ticks: int) -> bytes:
        """Return the next line of standard output; an empty one at its end.

        Args:
            limit_ticks: Longest wait in seconds in which the supervisor itself was running. The
                time for which it was stopped, or the machine was suspended, does not count.

        Raises:
            TimeoutError: No line came.
        """
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        reading = asyncio.ensure_future(self._process.stdout.readline())
        try:
            for _ in range(limit_ticks):
                await asyncio.wait({reading}, timeout=_TICK_SECONDS)
                if reading.done():
                    return reading.result()
            raise TimeoutError
        finally:
            reading.cancel()

    async def wait(self) -> str:
        """Wait for the exit, and return how: "exited with status 0", for example."""
        status = await asyncio.shield(self._exit)
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"exited with status {status}"

    async def kill(self) -> str:
        """Kill the process, and return how it exited.

        One that does not exit within some seconds is left behind: it exits as soon as it runs.
        """
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        self.send_signal(signal.SIGKILL)
        try:
            async with asyncio.timeout(KILL_SECONDS):
                outcome = await self.wait()
                await self._process.stdout.read()  # to its end, which closes the pipes
                return outcome
        except TimeoutError:
            return f"cannot be killed now and is left behind as process {self.pid}"

    def close_stdin(self) -> None:
        """Close standard input, by which a server knows that it is to drain."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has exited."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
