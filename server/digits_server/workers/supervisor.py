"""The supervisor, which starts the workers, replaces those that die, and stops them."""

import asyncio
import contextlib
import dataclasses
import logging
import signal
import sys
from contextlib import AbstractAsyncContextManager

from digits_server.errors import ServerError
from digits_server.ops.logs import log_ready
from digits_server.ops.parent_process import notify_ready
from digits_server.ops.shutdown import install_shutdown_handlers
from digits_server.settings import Settings

from .port import claimed_port
from .worker import Worker

logger = logging.getLogger(__name__)


def run_supervisor(settings: Settings, *, has_parent: bool = False) -> int:
    """Serve with several processes until SIGTERM or SIGINT, then drain them.

    Args:
        settings: All settings; limits apply to each worker separately.
        has_parent: Whether the server belongs to another process, which it then notifies when
            ready, and whose closing of standard input also makes it drain.

    Returns:
        The exit status: 0, or 1 if the port or a worker could not start; the reason is printed.
    """
    try:
        with claimed_port(settings) as port:
            return asyncio.run(_supervise(dataclasses.replace(settings, port=port), has_parent))
    except ServerError as error:
        print(f"digits-server: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 1


async def _supervise(settings: Settings, has_parent: bool) -> int:
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

    install_shutdown_handlers(stopping, until_stdin_ends=has_parent, before_forced_exit=kill_all)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, check_models)
    async with _admin_port(settings, workers) as admin_address:
        has_started = await _start(workers)
        restarting = []
        if has_started:
            log_ready(settings, settings.address, admin_address)
            if has_parent:
                notify_ready(settings.address, admin_address)
            restarting = [asyncio.create_task(worker.keep_running()) for worker in workers]
            await stopping.wait()
            logger.info("stopping")
        for worker in workers:
            worker.stop()
        await asyncio.gather(*restarting, *(worker.wait() for worker in workers))
    logger.info("stopped")
    return 0 if has_started or stopping.is_set() else 1


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
