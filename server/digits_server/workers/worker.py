"""A worker from its supervisor's view: a process that is started, replaced, and stopped."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections import Counter
from typing import Final

from digits_server.ops.parent_process import HEARTBEAT
from digits_server.settings import Settings

from .process import WorkerProcess

logger = logging.getLogger(__name__)

# A worker that dies after this time is restarted at once; one that dies earlier, after a delay
# that doubles each time.
_STABLE_SECONDS: Final = 60.0
_MIN_DELAY_SECONDS: Final = 0.5
_MAX_DELAY_SECONDS: Final = 30.0
_CLEAN_EXIT: Final = "exited with status 0"
_NOT_STARTED: Final = "did not start"
# A worker that sends no heartbeat for so long is replaced. It sends one per second, also while it
# loads a model. Only before the first one, while Python imports modules, may it take long.
_MAX_SILENCE_SECONDS: Final = 10
_MAX_START_SECONDS: Final = 120


class Worker:
    """One of the processes that share the port, replaced when it dies or hangs."""

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
        self.restarts = Counter(exited=0, unresponsive=0)
        """How often its process was replaced, by reason."""
        self._command = (
            *(sys.executable, "-P", "-m", "digits_server.workers", str(number)),
            *settings.as_flags(),
        )
        self._process: WorkerProcess | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> bool:
        """Start a process, and return whether it serves.

        If it does not, it has exited, and its errors are in the log.
        """
        if self._stopping.is_set():
            return False
        try:
            process = await WorkerProcess.start(self._command)
        except OSError as error:
            logger.error("worker %d cannot be started: %s", self.number, error.strerror)
            return False
        self._process = process
        if self._stopping.is_set():
            process.close_stdin()
        try:
            line = await process.next_line(_MAX_START_SECONDS)
            while line == HEARTBEAT:
                line = await process.next_line(_MAX_SILENCE_SECONDS)
        except TimeoutError:
            outcome = f"did not respond and {await process.kill()}"
        else:
            outcome = "" if line else await process.wait()
        if outcome:
            self._process = None
            logger.error("worker %d %s before it was ready", self.number, outcome)
            return False
        admin_address = json.loads(line)["admin_address"]
        self.admin_port = int(admin_address.rpartition(":")[2]) if admin_address else None
        self.is_serving = True
        logger.info("worker %d is ready as process %d", self.number, process.pid)
        return True

    async def keep_running(self) -> bool:
        """Replace the process whenever it exits or hangs, until ``stop`` is called.

        Returns:
            Whether the last process ended as it should, once it has ended.
        """
        delay = 0.0
        clock = asyncio.get_running_loop().time
        start = clock()
        while True:
            reason, outcome = await self._watch()
            if self._stopping.is_set():
                if outcome in (_CLEAN_EXIT, _NOT_STARTED):
                    return True
                logger.warning("worker %d %s", self.number, outcome)
                return False
            self.restarts[reason] += 1
            if clock() - start > _STABLE_SECONDS:
                delay = 0.0
            logger.warning("worker %d %s; restarting in %g s", self.number, outcome, delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return True
            start = clock()
            delay = min(max(_MIN_DELAY_SECONDS, 2 * delay), _MAX_DELAY_SECONDS)
            await self.start()

    def stop(self, limit_seconds: float) -> None:
        """Drain and stop the process; kill it if it has not ended after a time.

        This does not send SIGTERM. systemd, for example, sends it to all processes of a service,
        and a second SIGTERM would end the worker at once.
        """
        self._stopping.set()
        if self._process is not None:
            self._process.close_stdin()
        asyncio.get_running_loop().call_later(limit_seconds, self._kill_late, limit_seconds)

    def check_models(self) -> None:
        """Have the worker check for new models, by SIGHUP.

        A worker that is still starting checks anyway, and might not handle the signal yet.
        """
        if self.is_serving and self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End the process at once, without waiting for its exit."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)

    async def _watch(self) -> tuple[str, str]:
        """Wait until the process has exited, and kill it if it hangs.

        Returns:
            The reason as in ``restarts``, and how the process ended.
        """
        process, reason = self._process, "exited"
        if process is None:
            return reason, _NOT_STARTED
        try:
            while await process.next_line(_MAX_SILENCE_SECONDS):
                pass
            outcome = await process.wait()
        except TimeoutError:
            reason = "unresponsive"
            outcome = f"sent no heartbeat for {_MAX_SILENCE_SECONDS} s and {await process.kill()}"
        self._process = None
        self.is_serving = False
        self.admin_port = None
        return reason, outcome

    def _kill_late(self, limit_seconds: float) -> None:
        if self._process is not None:
            logger.error("worker %d has not stopped after %g s", self.number, limit_seconds)
            self.kill()
