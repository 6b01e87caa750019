"""The process that starts the workers, replaces those that die, and ends them."""

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
from digits_server.ops.shutdown import watch_for_the_end
from digits_server.settings import Settings

from .port import claimed_port
from .worker import Worker

logger = logging.getLogger(__name__)


def run_supervisor(settings: Settings, *, has_parent: bool = False) -> int:
    """Serve with several processes until SIGTERM or SIGINT, then let them drain.

    Args:
        settings: All settings; limits apply to each worker separately.
        has_parent: Whether the server belongs to another process: it then reports there when
            it is ready, and also drains when standard input ends.

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

    watch_for_the_end(stopping, until_stdin_ends=has_parent, before_ending_at_once=kill_all)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, look_for_models)
    async with _admin_port(settings, crew) as admin_address:
        has_started = await _start(crew)
        if has_started:
            log_ready(settings, settings.address, admin_address)
            if has_parent:
                notify_ready(settings.address, admin_address)
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
