"""Many waiting callers, one call of the model."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .engine import Engine
from .errors import OverloadedError

# The most images that are handed to the model in one call, unless a single caller
# brings more. Larger calls are no faster an image and make those behind them wait.
MAX_GATHERED: Final = 256
RETRY_AFTER_SECONDS: Final = 0.1


@dataclass(frozen=True)
class _Work:
    frames: NDArray[np.float32]  # (n, 28, 28)
    answer: asyncio.Future[NDArray[np.float32]]  # (n, 10)


class Batcher:
    """Gathers frames while the model works, and hands it what has gathered when it is free.

    No time is waited for more work to come: a lone caller is answered at once. The longest
    wait is that for the images ahead, of which there are at most ``max_waiting``; a caller
    who would make it more is refused at once with OverloadedError. Work whose caller has
    gone is dropped before the model sees it.

    One collector task and one model thread. Everything else belongs to the event loop.
    """

    def __init__(self, engine: Engine, max_waiting: int) -> None:
        """Prepare; ``start`` begins.

        Args:
            engine: The model. Only the model thread calls it.
            max_waiting: Images that may wait, the ones in the model not counted.
        """
        self._engine = engine
        self._max_waiting = max_waiting
        self._waiting: deque[_Work] = deque()
        self._waiting_count = 0
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._collector: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer. Called within the event loop."""
        self._collector = asyncio.create_task(self._collect(), name="batcher")

    async def stop(self) -> None:
        """End the collector and the model thread; whoever still waits is cancelled."""
        if self._collector is not None:
            self._collector.cancel()
            await asyncio.gather(self._collector, return_exceptions=True)
        for work in self._waiting:
            work.answer.cancel()
        self._waiting.clear()
        # The model's last call takes milliseconds; the loop is not held for it.
        await asyncio.to_thread(self._thread.shutdown)

    async def predict(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 10) probabilities for (n, 28, 28) frames, n at least 1.

        Raises:
            OverloadedError: The queue is full.
        """
        waiting_count = self._waiting_count + len(frames)
        # A request larger than the whole queue is let in when nobody waits.
        if waiting_count > self._max_waiting and self._waiting_count > 0:
            raise OverloadedError(self._waiting_count, self._max_waiting, RETRY_AFTER_SECONDS)
        answer: asyncio.Future[NDArray[np.float32]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Work(frames, answer))
        self._waiting_count = waiting_count
        self._arrived.set()
        return await answer

    async def _collect(self) -> None:
        while True:
            await self._arrived.wait()
            gathered = self._gather()
            if gathered:
                await self._answer(gathered)

    def _gather(self) -> list[_Work]:
        """Take the oldest work, up to the largest call, without what nobody waits for."""
        gathered: list[_Work] = []
        count = 0
        while self._waiting and (
            count == 0 or count + len(self._waiting[0].frames) <= MAX_GATHERED
        ):
            work = self._waiting.popleft()
            self._waiting_count -= len(work.frames)
            if not work.answer.done():
                gathered.append(work)
                count += len(work.frames)
        if not self._waiting:
            self._arrived.clear()
        return gathered

    async def _answer(self, gathered: list[_Work]) -> None:
        frames = np.concatenate([work.frames for work in gathered])
        loop = asyncio.get_running_loop()
        try:
            probs = await loop.run_in_executor(self._thread, self._engine.predict, frames)
            if len(probs) != len(frames):
                raise RuntimeError(f"the model gave {len(probs)} rows for {len(frames)} frames")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is these callers' answer
            for work in gathered:
                if not work.answer.done():
                    work.answer.set_exception(error)
            return
        except asyncio.CancelledError:
            for work in gathered:
                work.answer.cancel()
            raise
        begin = 0
        for work in gathered:
            end = begin + len(work.frames)
            if not work.answer.done():
                work.answer.set_result(probs[begin:end])
            begin = end
