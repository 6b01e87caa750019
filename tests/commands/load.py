"""Load on a server that checks every prediction."""

import asyncio
import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from digits_client import AsyncClient
from digits_client.bench.load import MakeCall, closed_loop
from digits_client.bench.recording import OK, Meter, Outcome
from digits_client.errors import DigitsError
from tests.processes import PATIENCE_SECONDS, SAMPLES

CALLERS = 4


class Load:
    """Recognizes the samples repeatedly, from another thread, until ``end``.

    It runs digits-bench's closed loop, but calls through the client library, which retries as it
    does for a user.
    """

    def __init__(self, address: str, timeout_seconds: float = 20) -> None:
        self.versions: set[str] = set()
        """Versions of the models that made the predictions."""
        self._digits = {Path(sample).read_bytes(): digit for digit, sample in enumerate(SAMPLES)}
        self._predictions: list[tuple[int, int | None]] = []
        self._failures: list[DigitsError] = []
        self._succeeded = threading.Semaphore(0)
        self._stop = asyncio.Event()  # the loop reads it and never waits for it
        self._thread = ThreadPoolExecutor(1)
        self._loop = self._thread.submit(asyncio.run, self._run(address, timeout_seconds))

    async def _run(self, address: str, timeout_seconds: float) -> None:
        async with contextlib.AsyncExitStack() as clients:
            make_calls = [
                self._make_call(
                    await clients.enter_async_context(
                        AsyncClient(address, timeout_seconds=timeout_seconds)
                    )
                )
                for _ in range(CALLERS)
            ]
            meter = Meter(asyncio.get_running_loop().time(), seconds=1, repeats=0)
            requests = itertools.cycle(self._digits)
            await closed_loop(make_calls, requests, CALLERS, meter, self._stop)

    def _make_call(self, client: AsyncClient) -> MakeCall:
        async def make_call(content: bytes) -> Outcome:
            try:
                prediction = await client.recognize(content)
            except DigitsError as error:
                self._failures.append(error)
                return Outcome("FAILED", {})
            self._predictions.append((self._digits[content], prediction.digit))
            self.versions.add(prediction.model_version)
            self._succeeded.release()
            return Outcome(OK, {})

        return make_call

    def wait_for(self, count: int) -> None:
        """Wait until so many more calls have succeeded, from now on."""
        while self._succeeded.acquire(blocking=False):
            pass
        for _ in range(count):
            assert self._succeeded.acquire(timeout=PATIENCE_SECONDS)

    def end(self) -> list[tuple[int, int | None]]:
        """Stop, and return the drawn and the recognized digit of each call.

        Raises:
            DigitsError: A call failed.
        """
        self._stop.set()
        self._loop.result()
        self._thread.shutdown()
        if self._failures:
            raise self._failures[0]
        return self._predictions
