"""A worker as its supervisor sees it: a process that is started, kept running, and ended."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from typing import Final

from digits_server.settings import Settings

logger = logging.getLogger(__name__)

# One that has served for so long and dies is replaced at once; one that dies sooner, after a
# pause that doubles each time.
_STEADY_SECONDS: Final = 60.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_WELL: Final = "with status 0"


class Worker:
    """One of the processes that share the port; when it dies, another takes its place."""

    def __init__(self, number: int, settings: Settings) -> None:
        """Prepare; nothing is started yet.

        Args:
            number: Its name in the log and in the metrics.
            settings: Its own: with the port that is shared.
        """
        self.number = number
        self.is_serving = False
        self.admin_port: int | None = None
        """The loopback port where it answers its supervisor, if it has one, while it serves."""
        self._command = (
            *(sys.executable, "-m", "digits_server.workers", str(number)),
            *settings.as_flags(),
        )
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()

    async def start(self) -> bool:
        """Start a process and return whether it serves.

        If it does not, it has ended, and what it said is in the log.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                process_group=0,  # Ctrl-C is the supervisor's to act on
            )
        except OSError as error:  # no memory for it, or too many processes
            logger.error("worker %d cannot be started: %s", self.number, error.strerror)
            return False
        self._process = process
        if self._ending.is_set():
            self._close_stdin()
        assert process.stdout is not None  # noqa: S101 - a pipe
        report = await process.stdout.readline()
        if not report:
            ending = await self.ended()
            logger.error("worker %d ended %s before it served", self.number, ending)
            return False
        admin_address = json.loads(report)["admin_address"]
        self.admin_port = int(admin_address.rpartition(":")[2]) if admin_address else None
        self.is_serving = True
        logger.info("worker %d serves as process %d", self.number, process.pid)
        return True

    async def keep_running(self) -> None:
        """Replace the process whenever it has ended, until the worker is told to end."""
        pause = 0.0
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            ending = await self.ended()
            if self._ending.is_set():
                if ending != _WELL:
                    logger.warning("worker %d ended %s", self.number, ending)
                return
            if clock() - began > _STEADY_SECONDS:
                pause = 0.0
            logger.warning(
                "worker %d ended %s; it is started anew in %g s", self.number, ending, pause
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
                return
            began = clock()
            pause = min(max(_FIRST_PAUSE_SECONDS, 2 * pause), _LONGEST_PAUSE_SECONDS)
            await self.start()

    async def ended(self) -> str:
        """Wait until its process has ended, if there is one, and return how it did."""
        if self._process is None:
            return "unstarted"
        status = await self._process.wait()
        self.is_serving = False
        self.admin_port = None
        return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"

    def end(self) -> None:
        """Have it drain, as SIGTERM would; it does not matter how often this is called.

        Not by the signal: where one goes to all processes of a service, as systemd's does, that
        would be the worker's second, and end it at once.
        """
        self._ending.set()
        self._close_stdin()

    def look_for_models(self) -> None:
        """Pass SIGHUP on; a process that does not serve yet looks anyhow, and might not know it."""
        if self.is_serving:
            self._send(signal.SIGHUP)

    def kill(self) -> None:
        """End it at once."""
        self._send(signal.SIGKILL)

    def _close_stdin(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
