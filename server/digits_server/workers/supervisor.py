"""The process that starts the workers, replaces those that die, and ends them."""

import asyncio
import contextlib
import dataclasses
import logging
import signal
from contextlib import AbstractAsyncContextManager

from digits_server.exposure import warn_if_open
from digits_server.ops.shutdown import watch_for_the_end
from digits_server.settings import Settings

from .port import claimed_port
from .worker import Worker

logger = logging.getLogger(__name__)


async def supervise(settings: Settings, *, until_stdin_ends: bool = False) -> int:
    """Serve by several processes until SIGTERM or SIGINT comes, and have them drain then.

    Args:
        settings: All of them; each worker's limits are its own.
        until_stdin_ends: Also end when standard input does.

    Returns:
        The exit status: 1 if a worker could not be started, which has then said why, else 0.

    Raises:
        BindError: An address is in use or not ours.
    """
    with claimed_port(settings) as port:
        return await _serve(dataclasses.replace(settings, port=port), until_stdin_ends)


async def _serve(settings: Settings, until_stdin_ends: bool) -> int:
    of_each = dataclasses.replace(
        settings, workers=1, admin_port=None if settings.admin_port is None else 0
    )
    crew = [Worker(number, of_each) for number in range(settings.workers)]
    stopping = asyncio.Event()

    def kill_all() -> None:
        for worker in crew:
            worker.kill()

    def look_for_models() -> None:
        for worker in crew:
            worker.look_for_models()

    watch_for_the_end(stopping, until_stdin_ends=until_stdin_ends, before_ending_at_once=kill_all)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, look_for_models)
    async with _admin_port(settings, crew) as admin_address:
        has_started = await _start(crew)
        if has_started:
            warn_if_open(settings, settings.address)
            if admin_address:
                logger.info("health and metrics on %s", admin_address)
            logger.info("ready on %s", settings.address)
            keeping = [asyncio.create_task(worker.keep_running()) for worker in crew]
            await stopping.wait()
            logger.info("stopping")
        else:
            keeping = []
        for worker in crew:
            worker.end()
        await asyncio.gather(*keeping, *(worker.ended() for worker in crew))
    logger.info("stopped")
    return 0 if has_started or stopping.is_set() else 1


async def _start(crew: list[Worker]) -> bool:
    # The first alone: what keeps it from serving would keep all, and is said once.
    if not await crew[0].start():
        return False
    return all(await asyncio.gather(*(worker.start() for worker in crew[1:])))


def _admin_port(settings: Settings, crew: list[Worker]) -> AbstractAsyncContextManager[str | None]:
    if settings.admin_port is None:
        return contextlib.nullcontext()
    from .admin import workers_admin_port  # it brings the metrics' library

    return workers_admin_port(settings.host, settings.admin_port, crew)
