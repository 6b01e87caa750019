"""The supervisor, which starts the workers, replaces those that die, and stops them."""

import asyncio
import contextlib
import dataclasses
import logging
from contextlib import AbstractAsyncContextManager
from typing import Final

from digits_server.errors import ServerError
from digits_server.ops.logs import log_ready, report_failure
from digits_server.ops.parent_process import ParentProcess
from digits_server.ops.shutdown import EXIT_SECONDS, handle_signals, longest_shutdown_seconds
from digits_server.settings import Settings

from .port import claimed_port
from .process import KILL_SECONDS
from .worker import Worker

logger = logging.getLogger(__name__)

# A worker ends itself at the end of its time. Only one that cannot is killed so much later.
_LATE_SECONDS: Final = 2.0


def run_supervisor(settings: Settings, *, has_parent: bool = False) -> int:
    """Serve with several processes until SIGTERM or SIGINT, then drain them.

    Args:
        settings: All settings; limits apply to each worker separately.
        has_parent: Whether the server belongs to another process, which it then notifies when
            ready, and whose closing of standard input also makes it drain.

    Returns:
        The exit status: 0, or 1 if the port or a worker could not start, or a worker had to be
        killed at the end; the reason is printed.
    """
    parent = ParentProcess() if has_parent else None
    try:
        with claimed_port(settings) as port:
            return asyncio.run(_supervise(dataclasses.replace(settings, port=port), parent))
    except ServerError as error:
        report_failure(error, settings.log_format)
        return 1


async def _supervise(settings: Settings, parent: ParentProcess | None) -> int:
    worker_settings = dataclasses.replace(
        settings, workers=1, admin_port=None if settings.admin_port is None else 0
    )
    workers = [Worker(number, worker_settings) for number in range(settings.workers)]
    stopping = asyncio.Event()

    def kill_all() -> None:
        for worker in workers:
            worker.kill()

    def check_models() -> None:
        for worker in workers:
            worker.check_models()

    limit_seconds = longest_shutdown_seconds(settings) + _LATE_SECONDS
    handle_signals(
        stopping,
        check_models,
        limit_seconds=limit_seconds + KILL_SECONDS + EXIT_SECONDS,
        until_stdin_ends=parent is not None,
        before_forced_exit=kill_all,
    )
    async with _admin_port(settings, workers) as admin_address:
        starting = asyncio.create_task(_start(workers))
        stop_request = asyncio.create_task(stopping.wait())
        await asyncio.wait({starting, stop_request}, return_when=asyncio.FIRST_COMPLETED)
        has_started = starting.done() and starting.result()
        running: list[asyncio.Task[bool]] = []
        if has_started:
            log_ready(settings, settings.address, admin_address)
            if parent is not None:
                parent.notify_ready(settings.address, admin_address)
            running = [asyncio.create_task(worker.keep_running()) for worker in workers]
            await stop_request
        if stopping.is_set():
            logger.info("stopping; %d workers may take up to %g s", len(workers), limit_seconds)
        for worker in workers:
            worker.stop(limit_seconds)
        await starting
        if not running:
            running = [asyncio.create_task(worker.keep_running()) for worker in workers]
        ended_well = await asyncio.gather(*running)
    logger.info("stopped")
    return 0 if stopping.is_set() and all(ended_well) else 1


async def _start(workers: list[Worker]) -> bool:
    # The first starts alone: an error that would stop all workers is reported only once.
    if not await workers[0].start():
        return False
    return all(await asyncio.gather(*(worker.start() for worker in workers[1:])))


def _admin_port(
    settings: Settings, workers: list[Worker]
) -> AbstractAsyncContextManager[str | None]:
    if settings.admin_port is None:
        return contextlib.nullcontext()
    from .admin import workers_admin_port  # imports the metrics library, only if needed

    return workers_admin_port(settings.host, settings.admin_port, workers)
