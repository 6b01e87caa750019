"""One process of the generator: makes its share of the load, and does what it is told."""

import asyncio
import itertools
import selectors
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

import grpc

from digits.v1 import recognizer_pb2 as pb
from digits_client.cli.server_options import ServerOptions
from digits_client.errors import DigitsError, UnavailableError

from . import image_kinds
from .calls import Kind, asker, open_channel, stream_opener
from .load import closed_loop, open_loop
from .options import Options
from .recording import Meter, Recording
from .requests import requests
from .schedule import due_times
from .streams import Stream


@dataclass(frozen=True)
class Share:
    """What a process is to do."""

    options: Options
    server: ServerOptions
    place: int
    """Of this process among all, from 0."""

    @property
    def callers(self) -> range:
        """Those of this process, numbered among all."""
        return range(self.place, self.options.callers, self.options.processes)


@dataclass(frozen=True)
class Begin:
    """Told to all: load from this moment on, by the clock of the machine."""

    at: float


@dataclass(frozen=True)
class Stop:
    """Told to all: make no new calls, and hand over what was counted up to this moment."""

    at: float


@dataclass(frozen=True)
class Ready:
    """Answered when the server is reached."""


@dataclass(frozen=True)
class Failed:
    """Answered when there can be no load."""

    reason: str


@dataclass(frozen=True)
class Progress:
    """Told at the end of each repeat."""

    due: int
    answered: int


@dataclass(frozen=True)
class Counted:
    """The last that is told: each repeat as far as it was, or is, counted."""

    recordings: list[Recording]


def work(share: Share, pipe: Pipe) -> None:
    """Be the process, until told to stop or left alone."""
    # Unlike epoll, select sleeps to the microsecond: calls begin when they are due.
    with asyncio.Runner(
        loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())
    ) as runner:
        runner.run(_obey(share, pipe))


async def _obey(share: Share, pipe: Pipe) -> None:
    options = share.options
    told = _messages(pipe)
    async with AsyncExitStack() as stack:
        try:
            channels = [
                await stack.enter_async_context(open_channel(share.server))
                for _ in range(options.connections)
            ]
            sent = requests(options.kind, sent_images(options), options.images_a_call)
            await _reach(channels, share)
        except DigitsError as error:
            pipe.send(Failed(str(error)))
            return
        pipe.send(Ready())
        begin = await told.get()
        if not isinstance(begin, Begin):
            return
        meter = Meter(begin.at + options.warmup_seconds, options.seconds, options.repeats.most)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_load(share, channels, sent, begin.at, meter, stop))
            reporting = group.create_task(_report(meter, pipe))
            end = await told.get()
            reporting.cancel()
            if isinstance(end, Stop):
                meter.close(end.at)
            stop.set()
        if isinstance(end, Stop):
            pipe.send(Counted(meter.recordings))


def _messages(pipe: Pipe) -> "asyncio.Queue[object]":
    """Return what will be told; None when nobody is there any more."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[object] = asyncio.Queue()

    def receive() -> None:
        try:
            told.put_nowait(pipe.recv())
        except EOFError:
            loop.remove_reader(pipe.fileno())
            told.put_nowait(None)

    loop.add_reader(pipe.fileno(), receive)
    return told


async def _reach(channels: list[grpc.aio.Channel], share: Share) -> None:
    try:
        async with asyncio.timeout(share.options.timeout_seconds):
            for channel in channels:
                await channel.channel_ready()
    except TimeoutError:
        raise UnavailableError(f"{share.server.address} cannot be reached") from None


async def _load(
    share: Share,
    channels: list[grpc.aio.Channel],
    sent: list[bytes],
    begins: float,
    meter: Meter,
    stop: asyncio.Event,
) -> None:
    options = share.options
    endless = itertools.islice(itertools.cycle(sent), share.place, None)
    await asyncio.sleep(begins - meter.now())
    if options.kind is Kind.STREAM:
        openers = [stream_opener(channel, share.server) for channel in channels]
        async with asyncio.TaskGroup() as group:
            for place, opener in zip(share.callers, itertools.cycle(openers), strict=False):
                stream = Stream(opener, endless, meter, options.timeout_seconds)
                due = _due(options, place, options.callers, begins)
                group.create_task(stream.draw(due, stop))
        return
    asks = [
        asker(channel, options.kind, options.images_a_call, share.server, options.timeout_seconds)
        for channel in channels
    ]
    if options.rate is None:
        await closed_loop(asks, endless, len(share.callers), meter, stop)
    else:
        due = _due(options, share.place, options.processes, begins)
        await open_loop(asks, endless, due, meter, stop)


def sent_images(options: Options) -> list[pb.Image]:
    """Return the images to send.

    Raises:
        InvalidImageError: The folder has none, or one that cannot be read.
    """
    if options.folder:
        return image_kinds.from_folder(options.folder)
    return list(image_kinds.drawn(options.drawn).values())


def _due(options: Options, place: int, places: int, begins: float) -> Iterator[float]:
    """Return the times of one of several schedules, which together make the rate."""
    rate = options.rate or 0.0
    if options.kind is not Kind.STREAM:
        rate /= places
    seed = f"{options.seed} {place}"
    times = due_times(options.arrivals, rate, seed, share=place / places)
    return (begins + time for time in times)


async def _report(meter: Meter, pipe: Pipe) -> None:
    used = time.process_time()
    for repeat, recording in enumerate(meter.recordings):
        await asyncio.sleep(meter.end_of(repeat) - meter.now())
        used, before = time.process_time(), used
        recording.processor_seconds = used - before
        pipe.send(Progress(recording.due, recording.answered_calls))
