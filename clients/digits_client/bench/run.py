"""The entry point of the engine: put a workload on a server, and return what was measured."""

import asyncio
from collections.abc import Callable

from digits_client.cli.server_options import ServerOptions
from digits_client.results import Limits, Model

from .image_kinds import load_images
from .processes import GeneratorProcesses
from .requests import build_requests
from .result import Result
from .worker import Progress
from .workload import Workload


class WorkloadError(Exception):
    """The server would refuse every call of the workload."""


def run_load(
    server: ServerOptions,
    workload: Workload,
    *,
    on_start: Callable[[Model], None] | None = None,
    on_repeat: Callable[[Progress], None] | None = None,
) -> Result:
    """Put a load on a server until the throughput is stable, and return what was measured.

    Blocks for at most ``workload.max_seconds`` plus the start of the processes. Ctrl-C ends the
    measurement early; the result then covers the repeats so far. The load comes from spawned
    processes: a script has to call this below ``if __name__ == "__main__"``, and outside of a
    running event loop.

    Args:
        server: The server.
        workload: The load.
        on_start: Called with the server's model before the load starts.
        on_repeat: Called with the counts of each repeat when it ends.

    Raises:
        InvalidImageError: The images cannot be read.
        WorkloadError: The calls exceed a limit of the server.
        DigitsError: The server cannot be reached.
        GeneratorError: A process of the load generator ended or stopped responding.
        KeyboardInterrupt: Ctrl-C came before anything was measured.
    """
    requests = build_requests(workload.kind, load_images(workload.images), workload.batch_size)
    model = asyncio.run(_get_model(server))
    _check_limits(workload, max(map(len, requests)), model.limits)
    if on_start:
        on_start(model)
    values: list[float] = []
    is_interrupted = False
    with GeneratorProcesses(server, workload) as processes:
        processes.start()
        try:
            while not workload.repeats.is_over(values):
                progress = processes.wait_for_repeat()
                values.append(_convergence_value(progress, workload))
                if on_repeat:
                    on_repeat(progress)
        except KeyboardInterrupt:
            is_interrupted = True
        recordings = processes.stop()
    if is_interrupted:
        recordings = [recording for recording in recordings if recording.seconds and recording.due]
    else:
        recordings = recordings[: len(values)]
    if not recordings:
        raise KeyboardInterrupt
    return Result(
        server, workload, model.version, model.precision, recordings, values, is_interrupted
    )


async def _get_model(server: ServerOptions) -> Model:
    async with server.client() as client:
        return await client.model()


def _check_limits(workload: Workload, largest_bytes: int, limits: Limits) -> None:
    if workload.batch_size > limits.max_batch_images:
        raise WorkloadError(
            f"--images: the server accepts at most {limits.max_batch_images} per call"
        )
    if largest_bytes > limits.max_message_bytes:
        raise WorkloadError(
            f"a call has {largest_bytes:,} bytes; the server accepts at most "
            f"{limits.max_message_bytes:,}"
        )


def _convergence_value(progress: Progress, workload: Workload) -> float:
    """Return the value that has to become stable.

    It is the throughput, or where the rate of calls is given, the share of successful ones.
    """
    if workload.rate is None:
        return progress.ok_calls / workload.repeat_seconds
    return progress.ok_calls / progress.due if progress.due else 0.0
