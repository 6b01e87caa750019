"""A worker from its supervisor's view: a process that is started, restarted, and stopped."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from typing import Final

from digits_server.settings import Settings

logger = logging.getLogger(__name__)

# A worker that dies after this time is restarted at once; one that dies earlier, after a delay
# that doubles each time.
_STABLE_SECONDS: Final = 60.0
_MIN_DELAY_SECONDS: Final = 0.5
_MAX_DELAY_SECONDS: Final = 30.0
_CLEAN_EXIT: Final = "exited with status 0"


class Worker:
    """One of the processes that share the port, restarted when it dies."""

    def __init__(self, number: int, settings: Settings) -> None:
        """Create a worker that is not started yet.

        Args:
            number: Identifies the worker in the log and in the metrics.
            settings: Settings of this worker, with the shared port.
        """
        self.number = number
        self.is_serving = False
        self.admin_port: int | None = None
        """The worker's own admin port on loopback while it serves, if it has one."""
        self._command = (
            *(sys.executable, "-m", "digits_server.workers", str(number)),
            *settings.as_flags(),
        )
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> bool:
        """Start a process, and return whether it serves.

        If it does not, it has exited, and its errors are in the log.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                process_group=0,  # only the supervisor handles Ctrl-C
            )
        except OSError as error:  # out of memory, or too many processes
            logger.error("worker %d cannot be started: %s", self.number, error.strerror)
            return False
        self._process = process
        if self._stopping.is_set():
            self._close_stdin()
        assert process.stdout is not None  # noqa: S101 - a pipe
        ready_line = await process.stdout.readline()
        if not ready_line:
            outcome = await self.wait()
            logger.error("worker %d %s before it was ready", self.number, outcome)
            return False
        admin_address = json.loads(ready_line)["admin_address"]
        self.admin_port = int(admin_address.rpartition(":")[2]) if admin_address else None
        self.is_serving = True
        logger.info("worker %d is ready as process %d", self.number, process.pid)
        return True

    async def keep_running(self) -> None:
        """Restart the process whenever it exits, until ``stop`` is called."""
        delay = 0.0
        clock = asyncio.get_running_loop().time
        start = clock()
        while True:
            outcome = await self.wait()
            if self._stopping.is_set():
                if outcome != _CLEAN_EXIT:
                    logger.warning("worker %d %s", self.number, outcome)
                return
            if clock() - start > _STABLE_SECONDS:
                delay = 0.0
            logger.warning("worker %d %s; restarting in %g s", self.number, outcome, delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return
            start = clock()
            delay = min(max(_MIN_DELAY_SECONDS, 2 * delay), _MAX_DELAY_SECONDS)
            await self.start()

    async def wait(self) -> str:
        """Wait until the process has exited, and return how: "exited with status 0", for example.

        Returns at once if no process was started.
        """
        if self._process is None:
            return "was not started"
        status = await self._process.wait()
        self.is_serving = False
        self.admin_port = None
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"exited with status {status}"

    def stop(self) -> None:
        """Drain and stop the process; may be called more than once.

        This does not send SIGTERM. systemd, for example, sends it to all processes of a service,
        and a second SIGTERM would end the worker at once.
        """
        self._stopping.set()
        self._close_stdin()

    def check_models(self) -> None:
        """Have the worker check for new models, by SIGHUP.

        A worker that is still starting checks anyway, and might not handle the signal yet.
        """
        if self.is_serving:
            self._send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End the process at once."""
        self._send_signal(signal.SIGKILL)

    def _close_stdin(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _send_signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
