"""One process of the load generator: produces its part of the load on command."""

import asyncio
import contextlib
import itertools
import selectors
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

import grpc

from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError, UnavailableError

from .calls import call_function, open_channel, stream_opener
from .image_kinds import load_images
from .load import closed_loop, open_loop
from .recording import Meter, Recording
from .requests import build_requests
from .schedule import due_times
from .streams import Stream
from .workload import CallKind, Workload


@dataclass(frozen=True)
class Assignment:
    """The part of the load that one process produces."""

    server: ServerOptions
    workload: Workload
    index: int
    """Index of the process, from 0."""

    @property
    def callers(self) -> range:
        """The callers that run in this process, of all callers from 0."""
        return range(self.index, self.workload.callers, self.workload.processes)


@dataclass(frozen=True)
class Start:
    """Command: start the load at a time on the machine's monotonic clock."""

    at: float


@dataclass(frozen=True)
class Stop:
    """Command: start no more calls, and return the counts up to this time."""

    at: float


@dataclass(frozen=True)
class Ready:
    """Reply: the server is reached."""


@dataclass(frozen=True)
class Failed:
    """Reply: no load is possible."""

    reason: str


@dataclass(frozen=True)
class Progress:
    """Reply at the end of each repeat: the counts so far."""

    due: int
    ok_calls: int


@dataclass(frozen=True)
class Counts:
    """Last reply: the recording of every repeat."""

    recordings: list[Recording]


def run_worker(assignment: Assignment, pipe: Pipe) -> None:
    """Run the process until a ``Stop`` command, or until the other end of the pipe closes."""
    # The process that started this one acts on Ctrl-C. Only on Windows is that not inherited.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Unlike epoll, select sleeps with microsecond precision, so that calls start on time.
    with asyncio.Runner(
        loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())
    ) as runner:
        runner.run(_follow_commands(assignment, pipe))


async def _follow_commands(assignment: Assignment, pipe: Pipe) -> None:
    workload = assignment.workload
    commands = _read_commands(pipe)
    async with AsyncExitStack() as stack:
        try:
            channels = [
                await stack.enter_async_context(open_channel(assignment.server))
                for _ in range(workload.connections)
            ]
            images = load_images(workload.images)
            requests = build_requests(workload.kind, images, workload.batch_size)
            await _connect(channels, assignment)
        except DigitsError as error:
            pipe.send(Failed(str(error)))
            return
        pipe.send(Ready())
        start = await commands.get()
        if not isinstance(start, Start):
            return
        meter = Meter(
            start.at + workload.warmup_seconds, workload.repeat_seconds, workload.repeats.max_count
        )
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_produce_load(assignment, channels, requests, start.at, meter, stop))
            reporter = group.create_task(_report_progress(meter, pipe))
            end = await commands.get()
            reporter.cancel()
            if isinstance(end, Stop):
                meter.close(end.at)
            stop.set()
        if isinstance(end, Stop):
            pipe.send(Counts(meter.recordings))


def _read_commands(pipe: Pipe) -> "asyncio.Queue[object]":
    """Return a queue of the commands to come; None follows when the other end has closed."""
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[object] = asyncio.Queue()

    def receive() -> None:
        command: object = pipe
        while command is not None:
            try:
                command = pipe.recv()
            except (EOFError, OSError):
                command = None
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(commands.put_nowait, command)

    # An event loop cannot watch the pipes of Windows.
    threading.Thread(target=receive, daemon=True, name="commands").start()
    return commands


async def _connect(channels: list[grpc.aio.Channel], assignment: Assignment) -> None:
    try:
        async with asyncio.timeout(assignment.workload.timeout_seconds):
            for channel in channels:
                await channel.channel_ready()
    except TimeoutError:
        raise UnavailableError(f"{assignment.server.address} cannot be reached") from None


async def _produce_load(
    assignment: Assignment,
    channels: list[grpc.aio.Channel],
    requests: list[bytes],
    start: float,
    meter: Meter,
    stop: asyncio.Event,
) -> None:
    server, workload = assignment.server, assignment.workload
    endless = itertools.islice(itertools.cycle(requests), assignment.index, None)
    await asyncio.sleep(start - meter.now())
    if workload.kind is CallKind.STREAM:
        openers = [stream_opener(channel, server) for channel in channels]
        async with asyncio.TaskGroup() as group:
            for caller, opener in zip(assignment.callers, itertools.cycle(openers), strict=False):
                stream = Stream(opener, endless, meter, workload.timeout_seconds)
                due = _due_times(workload, caller, workload.callers, start)
                group.create_task(stream.draw(due, stop))
        return
    make_calls = [
        call_function(channel, workload.kind, workload.batch_size, server, workload.timeout_seconds)
        for channel in channels
    ]
    if workload.is_open_loop:
        due = _due_times(workload, assignment.index, workload.processes, start)
        await open_loop(make_calls, endless, due, meter, stop)
    else:
        await closed_loop(make_calls, endless, len(assignment.callers), meter, stop)


def _due_times(workload: Workload, index: int, count: int, start: float) -> Iterator[float]:
    """Return the due times of one of ``count`` schedules that together produce the load."""
    rate = workload.rate or 0.0
    if workload.is_open_loop:
        rate /= count
    seed = f"{workload.seed} {index}"
    times = due_times(workload.arrivals, rate, seed, offset=index / count)
    return (start + time for time in times)


async def _report_progress(meter: Meter, pipe: Pipe) -> None:
    used = time.process_time()
    for repeat, recording in enumerate(meter.recordings):
        await asyncio.sleep(meter.end_of(repeat) - meter.now())
        used, before = time.process_time(), used
        recording.cpu_seconds = used - before
        pipe.send(Progress(recording.due, recording.ok_calls))
